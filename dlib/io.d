/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input and output: bufinfo_t, devinfo_t and fileinfo_t of a bio, a request or an open file; fds[], cwd, root.
 */
inline int B_BUSY = 0x1;
inline int B_DONE = 0x2;
inline int B_ERROR = 0x4;
inline int B_PAGEIO = 0x10;
inline int B_PHYS = 0x20;
inline int B_READ = 0x40;
inline int B_WRITE = 0x100;
inline int B_ASYNC = 0x400;

typedef struct bufinfo {
	int b_flags;
	size_t b_bcount;          /* bytes */
	caddr_t b_addr;
	uint64_t b_blkno;         /* in sectors of 512 bytes */
	uint64_t b_lblkno;
	size_t b_resid;
	size_t b_bufsize;
	caddr_t b_iodone;         /* function that is called at the end */
	int b_error;
	dev_t b_edev;
} bufinfo_t;

typedef struct devinfo {
	int dev_major;
	int dev_minor;
	int dev_instance;
	string dev_name;          /* of the disk */
	string dev_statname;      /* of the disk or partition */
	string dev_pathname;
} devinfo_t;

typedef struct fileinfo {
	string fi_name;
	string fi_dirname;
	string fi_pathname;
	loff_t fi_offset;
	string fi_fs;             /* kind of file system */
	string fi_mount;
	int fi_oflags;            /* O_* */
} fileinfo_t;

/* Bits of an operation: its lowest says that it writes. What is not marked as waited for is asynchronous. */
inline int op_flags[uint32_t op] =
	(op & 1 ? B_WRITE : B_READ) | (!defined(__REQ_SYNC) || op & 1u << __REQ_SYNC ? 0 : B_ASYNC);
/* Since Linux 6.10 the number of the partition is in a word of flags. */
inline int bdev_partno[struct block_device *D] =
	defined(D->bd_partno) ? D->bd_partno : D->__bd_flags.counter & 0xff;
inline string bdev_name[struct block_device *D] =
	D == NULL ? "<none>" : !defined(lltostr(1)) ? stringof(D->bd_disk->disk_name) :
	bdev_partno[D] == 0 ? stringof(D->bd_disk->disk_name) : strjoin(D->bd_disk->disk_name, lltostr(bdev_partno[D]));
inline struct gendisk *request_disk[struct request *R] =
	R->part ? R->part->bd_disk : defined(R->q->disk) ? R->q->disk : R->rq_disk;

translator bufinfo_t < struct bio *B > {
	b_flags = op_flags[B->bi_opf];
	b_bcount = B->bi_iter.bi_size;
	b_blkno = B->bi_iter.bi_sector;
	b_lblkno = B->bi_iter.bi_sector;
	b_bufsize = B->bi_iter.bi_size;
	b_iodone = (caddr_t)B->bi_end_io;
	b_error = B->bi_status;
	b_edev = B->bi_bdev == NULL ? 0 : B->bi_bdev->bd_dev;
};
translator bufinfo_t < struct request *R > {
	b_flags = op_flags[R->cmd_flags];
	b_bcount = R->__data_len;
	b_blkno = R->__sector;
	b_lblkno = R->__sector;
	b_bufsize = R->__data_len;
	b_iodone = (caddr_t)R->end_io;
	b_edev = R->part ? R->part->bd_dev : (dev_t)request_disk[R]->major << 20 | request_disk[R]->first_minor;
};
translator bufinfo_t < struct buffer_head *H > {
	b_bcount = H->b_size;
	b_addr = H->b_data;
	b_blkno = H->b_blocknr;
	b_lblkno = H->b_blocknr;
	b_bufsize = H->b_size;
	b_iodone = (caddr_t)H->b_end_io;
	b_edev = H->b_bdev == NULL ? 0 : H->b_bdev->bd_dev;
};

translator devinfo_t < struct block_device *D > {
	dev_major = D == NULL ? 0 : D->bd_dev >> 20;
	dev_minor = D == NULL ? 0 : D->bd_dev & 0xfffff;
	dev_instance = D == NULL ? 0 : bdev_partno[D];
	dev_name = D == NULL ? "<none>" : stringof(D->bd_disk->disk_name);
	dev_statname = bdev_name[D];
	dev_pathname = D == NULL ? "<none>" : strjoin("/dev/", bdev_name[D]);
};
translator devinfo_t < struct bio *B > {
	dev_major = xlate <devinfo_t> (B->bi_bdev).dev_major;
	dev_minor = xlate <devinfo_t> (B->bi_bdev).dev_minor;
	dev_instance = xlate <devinfo_t> (B->bi_bdev).dev_instance;
	dev_name = xlate <devinfo_t> (B->bi_bdev).dev_name;
	dev_statname = xlate <devinfo_t> (B->bi_bdev).dev_statname;
	dev_pathname = xlate <devinfo_t> (B->bi_bdev).dev_pathname;
};
translator devinfo_t < struct request *R > {
	dev_major = R->part ? R->part->bd_dev >> 20 : request_disk[R]->major;
	dev_minor = R->part ? R->part->bd_dev & 0xfffff : request_disk[R]->first_minor;
	dev_instance = R->part ? bdev_partno[R->part] : 0;
	dev_name = request_disk[R]->disk_name;
	dev_statname = R->part ? bdev_name[R->part] : stringof(request_disk[R]->disk_name);
	dev_pathname = strjoin("/dev/", R->part ? bdev_name[R->part] : stringof(request_disk[R]->disk_name));
};

/* Names of directory entries. A whole path is d_path()'s matter; without it, the name alone must do. */
inline string dentry_name[struct dentry *E] = E == NULL ? "<none>" : stringof(E->d_name.name);
translator fileinfo_t < struct file *F > {
	fi_name = F == NULL ? "<none>" : dentry_name[F->f_path.dentry];
	fi_dirname = F == NULL ? "<none>" : defined(d_path(&F->f_path)) && defined(dirname("")) ?
		dirname(d_path(&F->f_path)) : dentry_name[F->f_path.dentry->d_parent];
	fi_pathname = F == NULL ? "<none>" :
		defined(d_path(&F->f_path)) ? d_path(&F->f_path) : dentry_name[F->f_path.dentry];
	fi_offset = F == NULL ? 0 : F->f_pos;
	fi_fs = F == NULL ? "<none>" : stringof(F->f_path.dentry->d_sb->s_type->name);
	fi_mount = F == NULL ? "<none>" : dentry_name[F->f_path.mnt->mnt_root];
	fi_oflags = F == NULL ? 0 : F->f_flags;
};

/* The file whose cached pages a bio moves, if it moves any: then the page's mapping leads to the inode. */
inline struct address_space *bio_mapping[struct bio *B] =
	B == NULL || B->bi_io_vec == NULL || B->bi_io_vec->bv_page == NULL ? NULL : B->bi_io_vec->bv_page->mapping;
inline struct inode *bio_inode[struct bio *B] =
	bio_mapping[B] == NULL || (uintptr_t)bio_mapping[B] & 3 ? NULL : bio_mapping[B]->host;
inline struct dentry *inode_dentry[struct inode *I] =
	I == NULL || I->i_dentry.first == NULL ? NULL :
	(struct dentry *)((char *)I->i_dentry.first - offsetof(struct dentry, d_u));
/* No open file is known, so there are no flags; nor is the mount, and so names are those of the entries. */
translator fileinfo_t < struct bio *B > {
	fi_name = dentry_name[inode_dentry[bio_inode[B]]];
	fi_dirname = inode_dentry[bio_inode[B]] == NULL ? "<none>" : dentry_name[inode_dentry[bio_inode[B]]->d_parent];
	fi_pathname = dentry_name[inode_dentry[bio_inode[B]]];
	fi_offset = bio_inode[B] == NULL ? 0 : B->bi_iter.bi_sector * 512;
	fi_fs = bio_inode[B] == NULL ? "<none>" : stringof(bio_inode[B]->i_sb->s_type->name);
	fi_mount = bio_inode[B] == NULL ? "<none>" : dentry_name[bio_inode[B]->i_sb->s_root];
	fi_oflags = 0;
};
translator fileinfo_t < struct request *R > {
	fi_name = xlate <fileinfo_t> (R->bio).fi_name;
	fi_dirname = xlate <fileinfo_t> (R->bio).fi_dirname;
	fi_pathname = xlate <fileinfo_t> (R->bio).fi_pathname;
	fi_offset = xlate <fileinfo_t> (R->bio).fi_offset;
	fi_fs = xlate <fileinfo_t> (R->bio).fi_fs;
	fi_mount = xlate <fileinfo_t> (R->bio).fi_mount;
	fi_oflags = xlate <fileinfo_t> (R->bio).fi_oflags;
};

inline struct file *fd_file[int fd] =
	curthread->files == NULL || fd < 0 || fd >= curthread->files->fdt->max_fds ? NULL : curthread->files->fdt->fd[fd];
inline fileinfo_t fds[int fd] = xlate <fileinfo_t> (fd_file[fd]);
inline string cwd = curthread->fs == NULL ? "" :
	defined(d_path(&curthread->fs->pwd)) ? d_path(&curthread->fs->pwd) : dentry_name[curthread->fs->pwd.dentry];
inline string root = curthread->fs == NULL ? "" :
	defined(d_path(&curthread->fs->root)) ? d_path(&curthread->fs->root) : dentry_name[curthread->fs->root.dentry];

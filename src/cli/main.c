// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tracer/tracer.h"

static const char usage_text[] = "usage: dvirt [options] -n DESCRIPTION[/PREDICATE/][{ACTIONS}] [arguments]\n"
				 "       dvirt [options] -s SCRIPT [arguments]\n"
				 "       dvirt -l [-v] [-n DESCRIPTION]...\n"
				 "       dvirt ps [-v]\n"
				 "       dvirt qemu-args NAME\n"
				 "       dvirt doctor [-v] [--kvm]\n"
				 "       dvirt clean\n";
static const char help_text[] =
    "\n"
    "One D script traces any number of Linux guests under QEMU; a probe is machine:provider:module:function:name.\n"
    "\n"
    "  qemu-system-x86_64 ... $(dvirt qemu-args web)          start a guest that can be traced\n"
    "  dvirt ps                                               machines that can be traced now\n"
    "  dvirt -n 'syscall:::entry { @[vmname, execname, probefunc] = count(); }'\n"
    "  dvirt -n 'web:fbt::tcp_v4_rcv:entry { printf(\"%d\\n\", args[0]->len); }'\n"
    "  dvirt -l -v -n 'fbt::vfs_read:'                        probes and their arguments\n"
    "  dvirt doctor                                           what this host lets be traced, and what not\n"
    "\n"
    "What to trace\n"
    "  -n DESC    probe description, with an optional predicate and actions\n"
    "  -s FILE    D script ('-': standard input)\n"
    "  -P PROV, -m [PROV:]MOD, -f [[PROV:]MOD:]FUNC, -i ID    probes by provider, module, function, id\n"
    "  -M GLOB    only machines of this name (may be repeated)\n"
    "  -c CMD     run a command on the host, end with it; $target is its process id\n"
    "  -p PID     end with this process of the host; $target is PID\n"
    "             (both may be repeated: $target is the first, the last to end ends the session)\n"
    "  -Z         probe descriptions may match nothing (yet)\n"
    "  -w         allow destructive actions\n"
    "Output\n"
    "  -q         print only what the script prints\n"
    "  -F         indent by the depth of calls\n"
    "  -o FILE    append output to FILE\n"
    "  -b SIZE    size of each virtual CPU's buffer; the same as -x bufsize=SIZE\n"
    "  -x OPT[=VALUE]   set an option, see dvirt(1)\n"
    "Instead of tracing\n"
    "  -l         list probes; with -v their arguments' types\n"
    "  -e         end when the script has been compiled\n"
    "  -v         say what finding the machines and compiling took\n"
    "  -S         show the compiled code\n"
    "  -V         show the version\n"
    "  -h, --help this text\n"
    "Libraries and preprocessor\n"
    "  -L DIR     D libraries, before dvirt's own (may be repeated)\n"
    "  -C         run cpp over the script; -D NAME[=VALUE], -U NAME, -I DIR, -H are for it\n";

struct source {
	char option;
	const char *arg;
};

static struct dv_tracer *volatile tracer; // NULL: nothing to stop, on_signal() looks

int dv_cli_fail(struct dv_error *e)
{
	fflush(stdout);
	fprintf(stderr, "dvirt: %s\n", e->msg);
	if (e->hint)
		fprintf(stderr, "hint: %s\n", e->hint);
	dv_error_destroy(e);
	return DV_EXIT_ERROR;
}

static void emit(void *ctx, const char *text)
{
	fflush(stdout);
	fputs(text, stderr);
}

static void on_signal(int sig)
{
	static volatile sig_atomic_t count;

	// Once: an ordinary end, with what was gathered. Whoever insists is obeyed.
	if (++count > 2)
		_exit(128 + sig);
	if (tracer)
		dv_tracer_stop(tracer);
}

static int usage(const char *fmt, const char *what)
{
	fprintf(stderr, "dvirt: ");
	fprintf(stderr, fmt, what);
	fprintf(stderr, "\n%s", usage_text);
	return DV_EXIT_USAGE;
}

static int ps(int argc, char **argv)
{
	struct dv_error *e;
	bool verbose = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") != 0)
			return usage("ps takes -v only, not '%s'", argv[i]);
		verbose = true;
	}
	e = dv_tracer_ps(stdout, verbose);
	return e ? dv_cli_fail(e) : DV_EXIT_OK;
}

// A process of -c or -p: the session ends with the last of them, $target is the first.
struct process {
	const char *command; // NULL: -p
	pid_t pid;
	struct dv_command held;
};

struct cli {
	bool list, verbose, compile_only, disasm, version;
	const char *output;
	bool at_exec; // -x evaltime=exec
	DV_VEC(struct process) processes;
	DV_VEC(struct source) sources;
	DV_VEC(const char *) only, libdirs;
	DV_VEC(char *) options; // NAME or NAME=VALUE
	struct dv_cpp cpp;
};

// The preprocessor's options; false: it is none of them.
static bool cpp_option(struct cli *c, const char *text)
{
	static const struct {
		const char *name, *prefix;
	} with_value[] = {{"define=", "-D"}, {"undef=", "-U"}, {"incdir=", "-I"}, {"cppargs=", ""}};

	for (size_t i = 0; i < DV_COUNT(with_value); i++) {
		size_t n = strlen(with_value[i].name);

		if (!strncmp(text, with_value[i].name, n)) {
			*DV_PUSH(&c->cpp.args) = dv_xasprintf("%s%s", with_value[i].prefix, text + n);
			return true;
		}
	}
	if (!strcmp(text, "cpp"))
		c->cpp.on = true;
	else if (!strcmp(text, "cpphdrs"))
		*DV_PUSH(&c->cpp.args) = dv_xstrdup("-H");
	else if (!strncmp(text, "cpppath=", 8))
		c->cpp.path = text + 8;
	else
		return false;
	return true;
}

static void option(struct cli *c, const char *text)
{
	if (cpp_option(c, text))
		return;
	*DV_PUSH(&c->options) = dv_xstrdup(text);
}

// DTrace's options that are not there, and why. NULL: not one of them.
static const char *refused(int option)
{
	switch (option) {
	case 'a':
	case 'A':
		return "there is no anonymous tracing; -Z waits for machines and probes that come later";
	case 'G':
		return "programs are not made into object files: static probes of <sys/sdt.h> need none";
	case 'X':
		return "the preprocessor is the system's, whose __STDC__ is 1";
	case '3':
	case '6':
		return "a script has the types of each machine's own kernel";
	default:
		return NULL;
	}
}

// 0, or an exit status.
static int parse(struct cli *c, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	char *end;
	long pid;
	int o;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":n:s:lqo:x:D:U:CI:HevVwSc:p:ZP:m:f:i:b:M:hFaAGL:X:3:6:", longs, NULL)) != -1) {
		char letter[2] = {(char)o, 0};

		if (refused(o)) {
			fprintf(stderr, "dvirt: option -%s is not supported: %s\n", o == '3' ? "32" : o == '6' ? "64" : letter, refused(o));
			return DV_EXIT_USAGE;
		}
		switch (o) {
		case 'n':
		case 's':
		case 'P':
		case 'm':
		case 'f':
		case 'i':
			*DV_PUSH(&c->sources) = (struct source){(char)o, optarg};
			break;
		case 'l':
			c->list = true;
			break;
		case 'q':
			option(c, "quiet");
			break;
		case 'F':
			option(c, "flowindent");
			break;
		case 'w':
			option(c, "destructive");
			break;
		case 'Z':
			option(c, "zdefs");
			break;
		case 'b':
			*DV_PUSH(&c->options) = dv_xasprintf("bufsize=%s", optarg);
			break;
		case 'x':
			option(c, optarg);
			break;
		case 'o':
			c->output = optarg;
			break;
		case 'D':
		case 'U':
		case 'I':
			*DV_PUSH(&c->cpp.args) = dv_xasprintf("-%c%s", o, optarg);
			break;
		case 'H':
			*DV_PUSH(&c->cpp.args) = dv_xstrdup("-H");
			break;
		case 'C':
			c->cpp.on = true;
			break;
		case 'e':
			c->compile_only = true;
			break;
		case 'v':
			c->verbose = true;
			break;
		case 'V':
			c->version = true;
			break;
		case 'S':
			c->disasm = true;
			break;
		case 'c':
			DV_PUSH(&c->processes)->command = optarg;
			break;
		case 'p':
			pid = strtol(optarg, &end, 10);
			if (*end || pid <= 0 || pid > INT_MAX)
				return usage("'%s' is not a process id", optarg);
			DV_PUSH(&c->processes)->pid = (pid_t)pid;
			break;
		case 'M':
			*DV_PUSH(&c->only) = optarg;
			break;
		case 'L':
			*DV_PUSH(&c->libdirs) = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			fputs(help_text, stdout);
			return -1;
		case ':':
			letter[0] = (char)optopt;
			return usage("option -%s needs an argument", letter);
		default:
			letter[0] = (char)optopt;
			return usage("unknown option '%s'", optopt ? letter : argv[optind - 1]);
		}
	}
	if (c->version) {
		printf("dvirt: dvirt %s, D 2.0\n", DV_VERSION);
		return -1;
	}
	if (c->processes.count > DV_UNTIL_MAX)
		return usage("%s", "too many processes with -c and -p");
	if (!c->sources.count && !c->list)
		return usage("%s", "nothing to trace: give -n or -s");
	return 0;
}

#ifndef DV_DLIBDIR
#define DV_DLIBDIR "/usr/local/share/dvirt"
#endif
#ifndef DV_DATADIR
#define DV_DATADIR "share"
#endif

// How far -c's command gets before the probes are in. It is started before the script is read, so this is no option of it.
static struct dv_error *evaltime(struct cli *c, const char *value)
{
	c->at_exec = value && !strcmp(value, "exec");
	if (c->at_exec || (value && !strcmp(value, "postinit")))
		return NULL;
	if (value && (!strcmp(value, "preinit") || !strcmp(value, "main")))
		return dv_error_hint(dv_error_create(DV_ERR_SYNTAX, "evaltime=%s is not supported: a command can be held where "
						     "the kernel starts it and where its program begins", value),
				     "exec is before its shared objects are loaded, postinit before main( )");
	return dv_error_create(DV_ERR_SYNTAX, "option evaltime: '%s' is neither exec nor postinit", value ? value : "");
}

// DTRACE_OPT_NAME=VALUE in the environment: as -x name=VALUE before all others.
static void environment(struct cli *c)
{
	static const char prefix[] = "DTRACE_OPT_";

	for (char **e = environ; *e; e++) {
		char *text;

		if (strncmp(*e, prefix, sizeof(prefix) - 1))
			continue;
		text = dv_xstrdup(*e + sizeof(prefix) - 1);
		for (char *p = text; *p && *p != '='; p++)
			*p = (char)tolower((unsigned char)*p);
		if (text[0] && text[strlen(text) - 1] == '=') // a flag
			text[strlen(text) - 1] = '\0';
		option(c, text);
		free(text);
	}
}

static struct dv_error *set_options(struct dv_tracer *t, struct cli *c)
{
	char dlib[PATH_MAX + 32];

	for (size_t i = 0; i < c->options.count; i++) {
		DV_FREE char *name = dv_xstrdup(c->options.data[i]);
		char *value = strchr(name, '=');
		struct dv_error *e;

		if (value)
			*value++ = '\0';
		e = strcmp(name, "evaltime") ? dv_tracer_option(t, name, value) : evaltime(c, value);
		if (e)
			return e;
	}
	for (size_t i = 0; i < c->only.count; i++)
		dv_tracer_only(t, c->only.data[i]);
	for (size_t i = 0; i < c->libdirs.count; i++)
		dv_tracer_libdir(t, c->libdirs.data[i]);
	// Without them, names that libraries declare are unknown: nothing else depends on them.
	if (dv_path_find("dlib", "../" DV_DATADIR "/dvirt/", DV_DLIBDIR, dlib, sizeof(dlib)))
		dv_tracer_syslibdir(t, dlib);
	return NULL;
}

// Parse all sources;
static struct dv_error *add_sources(struct dv_tracer *t, const struct cli *c, int argc, char **argv,
				    struct dv_diag *diag)
{
	for (size_t i = 0; i < c->sources.count; i++) {
		const struct source *s = &c->sources.data[i];
		bool file = s->option == 's';
		char *text = NULL;
		struct dv_error *e = NULL;
		DV_VEC(char *) args = {0};
		struct dv_source src = {
		    .target = c->processes.count ? c->processes.data[0].pid : -1, .name = file ? s->arg : NULL, .pspec_only = !file};

		if (file)
			e = dv_source_read(s->arg, &text);
		else
			text = dv_source_describe(s->option, s->arg);
		if (!e && c->cpp.on) {
			char *raw = text;

			e = dv_source_cpp(&c->cpp, file ? s->arg : NULL, raw, &text);
			free(raw);
			if (e)
				text = NULL;
		}
		*DV_PUSH(&args) = (char *)(file ? s->arg : "dvirt");
		for (int k = 0; k < argc; k++)
			*DV_PUSH(&args) = argv[k];
		src.text = text;
		src.argc = (int)args.count;
		src.argv = args.data;
		if (!e)
			e = dv_tracer_add_source(t, &src, diag);
		DV_VEC_FREE(&args);
		free(text);
		if (e)
			return e;
	}
	return NULL;
}

static void say_matched(const struct dv_tracer *t, const struct cli *c)
{
	for (size_t i = 0; i < c->sources.count; i++) {
		const struct source *s = &c->sources.data[i];
		uint32_t n = dv_tracer_source_probes(t, (uint32_t)i);
		DV_FREE char *head = s->option == 's' ? dv_xstrdup(s->arg) : dv_source_heading(s->arg);

		fprintf(stderr, "dvirt: %s '%s' matched %u probe%s\n", s->option == 's' ? "script" : "description",
			head, n, n == 1 ? "" : "s");
	}
}

static void say_cost(const struct dv_tracer *t)
{
	const struct dv_tracer_cost *c = dv_tracer_cost(t);

	fprintf(stderr, "dvirt: machines found in %.1f ms, script compiled in %.1f ms (%.1f ms of the processor): "
		"%u program%s at %u place%s; %.1f MiB of memory, and %.1f while compiling\n",
		(double)c->find_ns / 1e6, (double)c->compile_ns / 1e6, (double)c->compile_cpu_ns / 1e6, c->programs,
		c->programs == 1 ? "" : "s", c->places, c->places == 1 ? "" : "s", (double)c->memory_before / 1048576,
		(double)c->memory_more / 1048576);
}

// A refused script has already been explained.
static int finish(struct dv_error *e, const struct dv_diag *diag)
{
	if (e->code == DV_ERR_SYNTAX && diag->errors) {
		dv_error_destroy(e);
		return DV_EXIT_ERROR;
	}
	return dv_cli_fail(e);
}

static struct dv_error *take_processes(struct cli *c)
{
	for (size_t i = 0; i < c->processes.count; i++) {
		struct process *p = &c->processes.data[i];
		struct dv_error *e = p->command ? dv_command_start(p->command, c->at_exec, &p->held) : NULL;
		int fd;

		if (e)
			return e;
		if (p->command)
			p->pid = p->held.pid;
		e = dv_command_watch(p->pid, &fd);
		if (e)
			return e;
		dv_tracer_until(tracer, p->pid, fd);
	}
	return NULL;
}

// All probes are in.
static void let_go(void *ctx)
{
	struct cli *c = ctx;

	for (size_t i = 0; i < c->processes.count; i++)
		if (c->processes.data[i].command && !dv_command_go(&c->processes.data[i].held))
			fprintf(stderr, "dvirt: '%s' has ended before it began\n", c->processes.data[i].command);
}

// Commands do not outlive the session.
static void end_processes(struct cli *c)
{
	for (size_t i = 0; i < c->processes.count; i++) {
		const struct process *p = &c->processes.data[i];

		if (p->command && p->held.pid > 0 && waitpid(p->held.pid, NULL, WNOHANG) == 0)
			kill(p->held.pid, SIGTERM);
	}
}

static int trace(struct cli *c, int argc, char **argv)
{
	struct dv_diag diag = {.emit = emit};
	struct sigaction sa = {.sa_handler = on_signal};
	struct dv_error *e;
	int status = 0;
	FILE *out = stdout;

	if (c->output) {
		out = fopen(c->output, "ae");
		if (!out)
			return dv_cli_fail(dv_error_sys(errno, "cannot open '%s'", c->output));
		dv_tracer_set_output(tracer, out);
	}
	e = set_options(tracer, c);
	if (e)
		return dv_cli_fail(e);
	e = take_processes(c);
	if (e)
		return dv_cli_fail(e);
	e = add_sources(tracer, c, argc, argv, &diag);
	if (e)
		return finish(e, &diag);
	if (c->list) {
		e = dv_tracer_list(tracer, out, c->verbose, &diag);
		return e ? finish(e, &diag) : DV_EXIT_OK;
	}
	if (c->verbose)
		dv_tracer_measure(tracer);
	e = dv_tracer_compile(tracer, &diag);
	if (e)
		return finish(e, &diag);
	if (c->verbose)
		say_cost(tracer);
	if (c->disasm)
		dv_tracer_disasm(tracer, stderr);
	if (c->compile_only)
		return DV_EXIT_OK;
	if (!dv_tracer_quiet(tracer))
		say_matched(tracer, c);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	dv_tracer_on_start(tracer, let_go, c);
	e = dv_tracer_run(tracer, &status);
	if (fflush(out) || (c->output && fclose(out)))
		e = e ? e : dv_error_sys(errno, "cannot write the output");
	return e ? dv_cli_fail(e) : status & 0xff; // what a shell sees of it
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	struct dv_tracer *made = NULL, *ended;
	struct dv_error *e;
	int status;

	if (argc > 1 && !strcmp(argv[1], "ps"))
		return ps(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "clean"))
		return dv_cmd_clean(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "qemu-args"))
		return dv_cmd_qemu_args(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "doctor"))
		return dv_cmd_doctor(argc - 1, argv + 1);
	environment(&c);
	status = parse(&c, argc, argv);
	if (!status) {
		e = dv_tracer_create(&made);
		tracer = made;
		status = e ? dv_cli_fail(e) : trace(&c, argc - optind, argv + optind);
	}
	end_processes(&c);
	// A signal may still come.
	ended = tracer;
	tracer = NULL;
	dv_tracer_destroy(ended);
	for (size_t i = 0; i < c.options.count; i++)
		free(c.options.data[i]);
	for (size_t i = 0; i < c.cpp.args.count; i++)
		free(c.cpp.args.data[i]);
	DV_VEC_FREE(&c.options);
	DV_VEC_FREE(&c.cpp.args);
	DV_VEC_FREE(&c.sources);
	DV_VEC_FREE(&c.only);
	DV_VEC_FREE(&c.libdirs);
	DV_VEC_FREE(&c.processes);
	return status < 0 ? DV_EXIT_OK : status;
}

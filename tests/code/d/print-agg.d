BEGIN { @a["x"] = count(); @a["y"] = count(); print(@a); }

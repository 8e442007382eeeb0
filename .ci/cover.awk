# Of a coverage profile: how much of each package named in PACKAGES is covered, and the lines that are not. Fails below LEAST per cent.
# A block stands in the profile once for each test program that could have run it.
NR > 1 { statements[$1] = $2; runs[$1] += $3 }
END {
	count = split(PACKAGES, packages, " ")
	for (p = 1; p <= count; p++) {
		all = covered = 0; lines = ""
		for (block in statements) {
			path = block; sub(/^[^\/]*\//, "", path)
			if (index(path, packages[p] "/") != 1 || substr(path, length(packages[p]) + 2) ~ /\//) continue
			all += statements[block]
			if (runs[block] > 0) { covered += statements[block]; continue }
			split(path, at, /[:.,]/)
			lines = lines sprintf("  %s.go:%s to %s\n", at[1], at[3], at[5])
		}
		share = all ? 100 * covered / all : 0
		printf "%s: %.1f %% of %d statements; not covered:\n", packages[p], share, all
		printf "%s", lines | "sort -t: -k1,1 -k2n"; close("sort -t: -k1,1 -k2n")
		if (share < LEAST) short = short " " packages[p]
	}
	if (short) { print "below " LEAST " %:" short; exit 1 }
}

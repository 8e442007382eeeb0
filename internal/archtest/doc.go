// Package archtest holds the rules that the compiler does not check: which package may import which, and a few habits of
// the source. It is for everybody who adds a package or wonders why an edge is forbidden; it has tests and no code.
package archtest

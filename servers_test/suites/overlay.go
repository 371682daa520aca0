// Package suites runs the drivers' own tests with the driver wrapped: none of their code is changed, and none of it is here.
// The compiler is told to take a database/sql whose OpenDB wraps every connector, and whose Raw goes by [moneyclip.Raw].
package suites

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed testdata/hooks.go.txt
var hooks string

//go:embed testdata/suite.go.txt
var suite string

// renamed are the functions of database/sql that hooks stand in front of.
var renamed = map[string][][2]string{
	"sql.go": {
		{"func OpenDB(", "func suiteOpenDB("},
		{"func (c *Conn) Raw(", "func (c *Conn) suiteRaw("},
	},
	"ctxutil.go": {
		{"func ctxDriverQuery(", "func suiteDriverQuery("},
		{"func ctxDriverPrepare(", "func suiteDriverPrepare("},
		{"func ctxDriverStmtQuery(", "func suiteDriverStmtQuery("},
	},
}

// overlay writes what the compiler is to take for the files of database/sql, and for a file more of a driver's tests, into
// a folder. It returns the file that says so.
func overlay(folder, goroot, tests, pkg, door string) (string, error) {
	replace := map[string]string{}
	write := func(name, content, stands string) error {
		path := filepath.Join(folder, name)
		replace[stands] = path
		return os.WriteFile(path, []byte(content), 0o600)
	}
	source := filepath.Join(goroot, "src", "database", "sql")
	for name, names := range renamed {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		content := string(text)
		for _, one := range names {
			if strings.Count(content, one[0]) != 1 {
				return "", fmt.Errorf("%s: %s is not there once", name, one[0])
			}
			content = strings.Replace(content, one[0], one[1], 1)
		}
		if err := write(name, content, filepath.Join(source, name)); err != nil {
			return "", err
		}
	}
	if err := write("suite_hooks.go", hooks, filepath.Join(source, "suite_hooks.go")); err != nil {
		return "", err
	}
	content := strings.NewReplacer("PACKAGE", pkg, "DOOR", door).Replace(suite)
	if err := write("suite_moneyclip_test.go", content, filepath.Join(tests, "suite_moneyclip_test.go")); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

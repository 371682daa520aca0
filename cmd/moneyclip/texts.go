package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A text is a statement of a program.
type text struct {
	name  string // that sqlc knows it by
	query string // as the program sends it
	file  string
}

// readTexts reads the statements that stand in files and folders. What sqlc has generated from a query is what the
// program sends; a query file is taken where nothing is generated from it.
func readTexts(paths []string, engine string) ([]text, error) {
	var all []text
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("the queries: %w", err)
		}
		var some []text
		switch {
		case info.IsDir():
			if config := findConfig(path); config != "" {
				some, err = textsOfConfig(config, engine)
			} else {
				some, err = textsOfFolder(path, engine)
			}
		case isConfig(path):
			some, err = textsOfConfig(path, engine)
		default:
			some, err = textsOfFile(path, engine)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func textsOfConfig(path, engine string) ([]text, error) {
	projects, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	var all []text
	for _, p := range projects {
		if p.engine == engine {
			some, err := p.texts()
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

// textsOfFolder is those of all files below a folder: of the generated ones if there are any.
func textsOfFolder(folder, engine string) ([]text, error) {
	var generated, written []text
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		some, err := textsOfFile(path, engine)
		if filepath.Ext(path) == ".go" {
			generated = append(generated, some...)
		} else {
			written = append(written, some...)
		}
		return err
	})
	if len(generated) > 0 {
		return generated, err
	}
	return written, err
}

func textsOfFile(path, engine string) ([]text, error) {
	switch filepath.Ext(path) {
	case ".go":
		return textsOfGo(path)
	case ".sql":
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return split(string(content), path, engine), nil
	}
	return nil, nil
}

var named = regexp.MustCompile(`(?m)^[ \t]*(?:--|/\*)[ \t]*name:[ \t]*(\w+)[ \t]*(:\w+)?`)

// textsOfGo finds the constants of sqlc in a Go file.
func textsOfGo(path string) ([]text, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var texts []text
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, value := range spec.Values {
			if query, ok := stringOf(value); ok {
				if m := named.FindStringSubmatchIndex(query); m != nil && strings.TrimSpace(query[:m[0]]) == "" {
					texts = append(texts, text{query[m[2]:m[3]], query, path})
				}
			}
		}
		return false
	})
	return texts, nil
}

// stringOf is the value of a constant: sqlc writes a backquote as one more literal.
func stringOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok1 := stringOf(e.X)
		right, ok2 := stringOf(e.Y)
		return left + right, ok1 && ok2 && e.Op == token.ADD
	}
	return "", false
}

// split takes a query file apart.
func split(content, path, engine string) []text {
	var texts []text
	all := named.FindAllStringSubmatchIndex(content, -1)
	for i, m := range all {
		end := len(content)
		if i+1 < len(all) {
			end = all[i+1][0]
		}
		query := strings.TrimRight(content[m[0]:end], "; \t\r\n")
		texts = append(texts, text{content[m[2]:m[3]], placeholders(query, engine), path})
	}
	return texts
}

var sqlcWords = regexp.MustCompile(`'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\bsqlc\.(arg|narg|slice|embed)\(\s*['"]?(\w+)['"]?\s*\)|@(\w+)|\$(\d+)`)

// placeholders writes sqlc's own words as sqlc does.
func placeholders(query, engine string) string {
	var params []string
	for _, m := range sqlcWords.FindAllStringSubmatch(query, -1) {
		if n, err := strconv.Atoi(m[4]); err == nil && engine == "postgres" {
			for len(params) < min(n, 1000) {
				params = append(params, "")
			}
		}
	}
	return sqlcWords.ReplaceAllStringFunc(query, func(word string) string {
		m := sqlcWords.FindStringSubmatch(word)
		kind, name := m[1], m[2]
		if m[3] != "" && engine != "mysql" { // there it is a variable
			kind, name = "arg", m[3]
		}
		switch {
		case kind == "":
			return word
		case kind == "embed":
			return name + ".*"
		case engine == "mysql", kind == "slice" && engine == "sqlite":
			return "?"
		}
		number := slices.Index(params, name) + 1
		if number == 0 {
			params = append(params, name)
			number = len(params)
		}
		if engine == "sqlite" {
			return "?" + strconv.Itoa(number)
		}
		return "$" + strconv.Itoa(number)
	})
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A project is what sqlc is told of one database: one of the list in its configuration.
type project struct {
	engine          string
	folder          string // of the configuration
	schema, queries []string
	out             string // of the generated code; empty: not in Go
}

var configNames = []string{"sqlc.yaml", "sqlc.yml", "sqlc.json"}

func isConfig(path string) bool { return slices.Contains(configNames, filepath.Base(path)) }

// findConfig is the configuration in a folder, or empty.
func findConfig(folder string) string {
	for _, name := range configNames {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// paths is one path or a list of them.
type paths []string

func (p *paths) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*p = paths{n.Value}
		return nil
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return err
	}
	*p = list
	return nil
}

// readConfig reads a configuration of sqlc, of either version. JSON is YAML.
func readConfig(path string) ([]project, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var config struct {
		SQL []struct {
			Engine          string
			Schema, Queries paths
			Gen             struct{ Go struct{ Out string } }
		} `yaml:"sql"`
		Packages []struct {
			Engine, Path    string
			Schema, Queries paths
		}
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	folder := filepath.Dir(path)
	var projects []project
	for _, s := range config.SQL {
		projects = append(projects, project{s.Engine, folder, s.Schema, s.Queries, s.Gen.Go.Out})
	}
	for _, p := range config.Packages {
		if p.Engine == "" {
			p.Engine = "postgres"
		}
		projects = append(projects, project{p.Engine, folder, p.Schema, p.Queries, p.Path})
	}
	for i := range projects {
		p := &projects[i]
		if p.engine, err = engineNamed(p.engine); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(projects) == 0 {
		return nil, fmt.Errorf("%s names no database: there is neither sql nor packages in it", path)
	}
	return projects, nil
}

// files are the SQL files that paths of the configuration mean, in sqlc's order.
func (p *project) files(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		found, err := filepath.Glob(filepath.Join(p.folder, path))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("sqlc's configuration names %s, and there is no such file", path)
		}
		for _, f := range found {
			if info, err := os.Stat(f); err != nil || !info.IsDir() {
				files = append(files, f)
				continue
			}
			entries, err := os.ReadDir(f)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				name := e.Name()
				if strings.HasSuffix(name, ".sql") && !strings.HasSuffix(name, ".down.sql") && name[0] != '.' {
					files = append(files, filepath.Join(f, name))
				}
			}
		}
	}
	return files, nil
}

// schemaTexts are the contents of the schema files.
func (p *project) schemaTexts() ([]string, error) {
	files, err := p.files(p.schema)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(content))
	}
	return texts, nil
}

// texts are the statements of the project.
func (p *project) texts() ([]text, error) {
	if p.out != "" {
		if info, err := os.Stat(filepath.Join(p.folder, p.out)); err == nil && info.IsDir() {
			generated, _ := filepath.Glob(filepath.Join(p.folder, p.out, "*.go"))
			var all []text
			for _, f := range generated {
				some, err := textsOfGo(f)
				if err != nil {
					return nil, err
				}
				all = append(all, some...)
			}
			if len(all) > 0 {
				return all, nil
			}
		}
	}
	files, err := p.files(p.queries)
	if err != nil {
		return nil, err
	}
	var all []text
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		all = append(all, split(string(content), f, p.engine)...)
	}
	return all, nil
}

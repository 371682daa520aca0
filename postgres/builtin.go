package postgres

import (
	_ "embed" // of the files
	"strings"
	"sync"
)

//go:embed builtin.txt
var builtinText string

//go:embed later.txt
var laterText string

// builtins are PostgreSQL's own functions, by volatility ("i", "s", "v"), "type" and "system" for the names of its own types
// and tables, and the same of an extension behind its name and a slash. :: what → names
var builtins = sync.OnceValue(func() map[string][]string {
	m := map[string][]string{}
	for _, line := range strings.Split(builtinText+laterText, "\n") {
		if words := strings.Fields(line); len(words) > 1 && words[0] != "#" {
			m[words[0]] = append(m[words[0]], words[1:]...)
		}
	}
	return m
})

var builtinTypes = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, name := range builtins()["type"] {
		m[name] = true
	}
	return m
})

// harmlessExtensions are those whose volatile functions write nothing, as in catalogQuery.
var harmlessExtensions = words(`uuid-ossp pgcrypto citext hstore ltree pg_trgm unaccent fuzzystrmatch isn seg cube earthdistance
	intarray btree_gin btree_gist pg_uuidv7`)

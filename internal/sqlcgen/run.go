// Package sqlcgen is the command sqlc-gen-moneyclip: from what sqlc knows of a package's queries it makes the rules that
// their annotations ask for, and checks them against all of the package's writes.
package sqlcgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Run is the command. It returns the exit code.
func Run(_ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	response, err := generate(stdin)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(response)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func generate(stdin io.Reader) (*Response, error) {
	var r Request
	if err := json.NewDecoder(stdin).Decode(&r); err != nil {
		return nil, fmt.Errorf("what sqlc has sent is not understood: is the plugin's format json? %w", err)
	}
	options, err := r.options()
	if err != nil {
		return nil, err
	}
	p, err := newProject(&r)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(p.annotations(), p.check(options.Strict)); err != nil {
		return nil, err
	}
	contents, err := p.file(options)
	if err != nil {
		return nil, err
	}
	return &Response{Files: []File{{options.File, contents}}}, nil
}

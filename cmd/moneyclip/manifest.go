package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newManifest() *cobra.Command {
	return &cobra.Command{
		Use:   "manifest <package folder>",
		Short: "Write the rules that a Go package registers as JSON",
		Long: `Builds and runs a program that does nothing but import the package, and writes the rules that its init has
registered as JSON, for the other commands and for other tools. No file of the package's module is touched.`,
		Example: "  moneyclip manifest ./internal/db > moneyclip.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := manifestOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

// A package may print something when it is imported, so the manifest does not go where that goes.
const manifestProgram = `package main

import (
	"fmt"
	"os"

	"github.com/moneyclip/moneyclip"
	_ %q
)

func main() {
	f, err := os.Create(os.Args[1])
	if err == nil {
		err = moneyclip.WriteManifest(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

// manifestOf is the manifest of the package in a folder. Its program stands, for the go command's eyes only, in a folder
// below the package's: what is internal to it may be imported from there, and it is built with all that its module says.
func manifestOf(ctx context.Context, folder string) ([]byte, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder: name that of the package whose init registers the rules", folder)
	}
	output, err := goCommand(ctx, folder, "list", "-json=ImportPath,Name,Module", ".")
	if err != nil {
		return nil, err
	}
	var listed struct {
		ImportPath, Name string
		Module           *struct{ Path string }
	}
	if err := json.Unmarshal(output, &listed); err != nil {
		return nil, err
	}
	switch {
	case listed.Name == "main":
		return nil, errors.New("a package main cannot be imported: move its rules into a package of their own, which it imports, and name that")
	case listed.Module == nil:
		return nil, errors.New("the package is in no module: run go mod init there")
	}
	temporary, err := os.MkdirTemp("", "moneyclip")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temporary)
	const below = "moneyclip_manifest_main"
	program, overlay, written := filepath.Join(temporary, "main.go"), filepath.Join(temporary, "overlay.json"), filepath.Join(temporary, "manifest.json")
	over, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(folder, below, "main.go"): program}})
	if err != nil {
		return nil, err
	}
	for path, text := range map[string][]byte{program: fmt.Appendf(nil, manifestProgram, listed.ImportPath), overlay: over} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, err
		}
	}
	if _, err := goCommand(ctx, folder, "run", "-overlay", overlay, "./"+below, written); err != nil {
		return nil, err
	}
	return os.ReadFile(written)
}

// goCommand runs the go command in a folder, and returns what it has written.
func goCommand(ctx context.Context, folder string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	var errs bytes.Buffer
	cmd.Stderr = &errs
	output, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("there is no go command in the PATH: install Go, or write the manifest with moneyclip.WriteManifest")
	case err != nil:
		const most = 4 << 10
		said := strings.TrimSpace(errs.String())
		if len(said) > most {
			said = said[:most] + " ..."
		}
		return nil, fmt.Errorf("go %s in %s: %w\n%s", args[0], folder, err, printable(said))
	}
	return output, nil
}

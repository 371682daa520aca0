package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Run runs the command with its arguments and returns the exit code.
func Run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	ran, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFindings):
		return 1
	}
	fmt.Fprintf(errs, "%s: %s\n", ran.CommandPath(), scrub(err.Error(), secretsOf(ran)))
	return 2
}

// errFindings says that something is not as it should be, and that the output has said what.
var errFindings = errors.New("something is not as it should be")

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "moneyclip",
		Short:         "Look at programs that use MoneyClip, and at what they have cached",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().Bool("json", false, "write JSON")
	root.AddCommand(newManifest(), newExplain(), newVet(), newKeys(), newGet(), newPurge(), newDoctor(), newAudit(), newWarm(), newStats(), newTop(), newMan(root))
	return root
}

// newMan writes the man pages. It is for those who package the command.
func newMan(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "man <folder>", Short: "Write the man pages into a folder", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Title: "MONEYCLIP", Section: "1"}, args[0])
		},
	}
}

// A result is what a command has found out.
type result interface {
	text(w io.Writer) // for people
}

// emit writes a result in the form that was asked for.
func emit(cmd *cobra.Command, r result) error {
	if isJSON, _ := cmd.Flags().GetBool("json"); !isJSON {
		r.text(cmd.OutOrStdout())
		return nil
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// printable is a text from a database or a Redis for a terminal: nothing in it moves the cursor or rings.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

// marshal is json.Marshal without what it does for browsers.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newTop() *cobra.Command {
	var g gauge
	var count int
	cmd := &cobra.Command{
		Use:   "top <URL>",
		Short: "Watch what a running program's cache does",
		Long: `Shows what stats shows, the rules that are read most often first, and draws it again and again until it is
interrupted. With --json each is one document.`,
		Example: "  moneyclip top http://localhost:8080/debug/vars",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if g.interval <= 0 {
				return errors.New("--interval has to be more than zero")
			}
			before, err := g.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			isJSON, _ := cmd.Flags().GetBool("json")
			out := cmd.OutOrStdout()
			for drawn := 0; count == 0 || drawn < count; drawn++ {
				if err := pause(cmd.Context(), g.interval); err != nil {
					return nil // interrupted, which is how it ends
				}
				after, err := g.read(cmd.Context(), args[0])
				if errors.Is(err, context.Canceled) {
					return nil
				}
				switch {
				case isJSON && err == nil:
					if err := emit(cmd, since(before, after)); err != nil {
						return err
					}
				case isJSON:
					return err
				default:
					// In one piece, so that it does not flicker.
					var b bytes.Buffer
					if isTerminal(out) {
						b.WriteString("\x1b[H\x1b[2J")
					}
					fmt.Fprintf(&b, "moneyclip  %s  every %v\n\n", time.Now().Format(time.TimeOnly), g.interval)
					if err != nil {
						// A program that is deployed is gone for a while.
						fmt.Fprintf(&b, "no answer: %s\n", scrub(err.Error(), secretsOf(cmd)))
					} else {
						since(before, after).text(&b)
					}
					if _, err := out.Write(b.Bytes()); err != nil {
						return err
					}
				}
				if err == nil {
					before = after
				}
			}
			return nil
		},
	}
	g.flags(cmd, "2s")
	cmd.Flags().IntVar(&count, "count", 0, "how many times; 0: until it is interrupted")
	return cmd
}

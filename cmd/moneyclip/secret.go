package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// secretsOf are the texts that a command was given and that no error may hold: DSNs, URLs and the passwords in them.
// What drivers write into their errors is not ours to choose, so they are taken out at the end.
func secretsOf(cmd *cobra.Command) []string {
	var secrets []string
	for _, name := range []string{"db", "redis"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Value.String() != "" {
			secrets = append(secrets, secretsIn(f.Value.String())...)
		}
	}
	for _, arg := range cmd.Flags().Args() {
		if strings.Contains(arg, "://") && strings.Contains(arg, "@") {
			secrets = append(secrets, secretsIn(arg)...)
		}
	}
	return sorted(secrets)
}

// sorted puts longer secrets first: one may hold a shorter one.
func sorted(secrets []string) []string {
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return secrets
}

var (
	inUserinfo = regexp.MustCompile(`^(?:[a-z+]+://)?[^:/@]*:(.*)@`)
	inWords    = regexp.MustCompile(`(?i)(?:password|pwd|sslpassword|_auth_pass)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)`)
)

func secretsIn(dsn string) []string {
	secrets := []string{dsn}
	if m := inUserinfo.FindStringSubmatch(dsn); m != nil {
		secrets = append(secrets, m[1])
	}
	for _, m := range inWords.FindAllStringSubmatch(dsn, -1) {
		secrets = append(secrets, m[1], strings.Trim(m[1], "'"))
	}
	for _, s := range slices.Clone(secrets[1:]) {
		if plain, err := url.PathUnescape(s); err == nil {
			secrets = append(secrets, plain)
		}
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
}

// scrub takes secrets out of a text.
func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "…")
	}
	return text
}

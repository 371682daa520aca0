package mysql

import (
	"strings"
	"testing"
)

// What changes what a schema says without a word about a table is part of the error.
func TestSchemaFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SET sql_mode = 'ANSI_QUOTES'":                           "SET sql_mode changes what statements mean",
		"SET @@session.explicit_defaults_for_timestamp = OFF":    "SET explicit_defaults_for_timestamp changes what statements mean",
		"SET default_storage_engine = MyISAM":                    "SET default_storage_engine changes what statements mean",
		"ALTER VIEW v AS SELECT 1":                               "there is no table v",
		"IMPORT TABLE FROM '/t.sdi'":                             "it is of a kind that is not understood",
		"SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; SET NAMES utf8": "",
		"/*!40101 SET sql_mode = @old_sql_mode */; ROLLBACK":     "",
		"CREATE PROCEDURE p() DELETE FROM t; CREATE SEQUENCE s":  "",
	} {
		got := ""
		if _, err := Schema(text); err != nil {
			_, got, _ = strings.Cut(err.Error(), "): ")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

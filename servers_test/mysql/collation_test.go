package mysql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// In every collation that is fit for a key, texts are equal just if they have one Datum: of one and two characters, and of
// three letters.
func TestCollations(t *testing.T) {
	db := open(t, servers.MariaDB(t))
	db.SetMaxOpenConns(1)
	var letters, signs []string
	for c := '!'; c <= '~'; c++ {
		signs = append(signs, string(c))
		if c >= 'a' && c <= 'z' {
			letters = append(letters, string(c), strings.ToUpper(string(c)))
		}
	}
	run(t, db, "CREATE TABLE words (a VARCHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, b VARCHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)")
	var rows []string
	put := func(word string) {
		rows = append(rows, fmt.Sprintf("(x'%x', x'%x')", word, strings.ToLower(word)))
	}
	for _, x := range signs {
		put(x)
		for _, y := range signs {
			put(x + y)
		}
	}
	for _, x := range letters {
		for _, y := range letters {
			for _, z := range letters {
				put(x + y + z)
			}
		}
	}
	for len(rows) > 0 {
		n := min(5000, len(rows))
		run(t, db, "INSERT INTO words VALUES "+strings.Join(rows[:n], ", "))
		rows = rows[n:]
	}
	name := "FULL_COLLATION_NAME"
	if servers.MySQL() {
		name = "COLLATION_NAME"
	}
	list, err := db.Query("SELECT " + name + `, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY
		WHERE CHARACTER_SET_NAME IN ('utf8mb4', 'latin1', 'ascii')`)
	if err != nil {
		t.Fatal(err)
	}
	type collation struct{ name, charset string }
	var all []collation
	for list.Next() {
		var c collation
		if err := list.Scan(&c.name, &c.charset); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	list.Close()
	fit := 0
	for _, c := range all {
		column := &moneyclip.Column{Name: "c", Type: "varchar(5)", Collation: c.name}
		if mysql.Dialect.Keyable(column) != "" {
			continue
		}
		fit++
		lower, _ := mysql.Dialect.Canonical(column)("a")
		upper, _ := mysql.Dialect.Canonical(column)("A")
		blank, _ := mysql.Dialect.Canonical(column)("a ")
		in := func(e string) string { return fmt.Sprintf("CONVERT(%s USING %s) COLLATE %s", e, c.charset, c.name) }
		var distinct, lowered, strange int
		var pads bool
		query := fmt.Sprintf("SELECT COUNT(DISTINCT %[1]s), COUNT(DISTINCT b), SUM(%[1]s <> %[2]s), %[3]s = %[4]s FROM words", in("a"), in("b"), in("'a'"), in("'a '"))
		if err := db.QueryRow(query).Scan(&distinct, &lowered, &strange, &pads); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if lower == upper && (strange > 0 || distinct != lowered) {
			t.Errorf("%s tells %d texts from their lower case, and has %d of %d", c.name, strange, distinct, lowered)
		}
		if lower != upper {
			var words int
			if err := db.QueryRow("SELECT COUNT(DISTINCT a) FROM words").Scan(&words); err != nil {
				t.Fatal(err)
			}
			if distinct != words {
				t.Errorf("%s has %d of %d texts", c.name, distinct, words)
			}
		}
		if pads != (lower == blank) {
			t.Errorf("%s pads: %v", c.name, pads)
		}
	}
	if fit < 20 {
		t.Errorf("only %d collations are fit for a key", fit)
	}
}

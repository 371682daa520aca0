// Package digest tells texts apart by a short hash: what identifies a database, what its schema is, what a session is set to.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Of is a hash of a list of texts, in hexadecimal digits: of the list, not of its concatenation.
func Of(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

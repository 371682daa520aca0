package redisstore

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strings"
)

// A script is one step of the protocol. It runs on one server without any other in between.
type script struct {
	text, sha string
}

var (
	//go:embed common.lua
	common string
	//go:embed lease.lua
	leaseText string
	//go:embed renew.lua
	renewText string
	//go:embed abandon.lua
	abandonText string
	//go:embed quarantine.lua
	quarantineText string
	//go:embed quarantine_rule.lua
	quarantineRuleText string
	//go:embed release_rule.lua
	releaseRuleText string
	//go:embed publish.lua
	publishText string
	//go:embed look.lua
	lookText string
)

var (
	leaseScript          = newScript(leaseText)
	abandonScript        = newScript(abandonText)
	quarantineScript     = newScript(quarantineText)
	quarantineRuleScript = newScript(quarantineRuleText)
	releaseRuleScript    = newScript(releaseRuleText)
	publishScript        = newScript(publishText)
	lookScript           = newScript(lookText)
)

// newScript puts what scripts share where a script wants it.
func newScript(text string) *script {
	s := &script{text: strings.Replace(text, "-- common\n", common, 1)}
	sum := sha1.Sum([]byte(s.text))
	s.sha = hex.EncodeToString(sum[:])
	return s
}

//go:build unix && !new

package main

import "github.com/moneyclip/moneyclip"

// The new version has no rule for the best, and keeps accounts elsewhere.
var rules = []moneyclip.Rule{
	{Name: "account", Key: "account::%d", Query: selectAccount},
	{Name: "best", Key: "best::%d", Query: selectBest},
}

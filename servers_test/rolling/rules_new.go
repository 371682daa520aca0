//go:build unix && new

package main

import "github.com/moneyclip/moneyclip"

// The old version has no rule for the total.
var rules = []moneyclip.Rule{
	{Name: "account", Key: "account::v2::%d", Table: "accounts", By: []string{"id"}},
	{Name: "total", Key: "total::%d", Query: selectTotal},
}

// Package rules registers what the tests look at.
package rules

import (
	"fmt"
	"time"

	"github.com/moneyclip/moneyclip"
)

func init() {
	fmt.Println("this does not get into the manifest")
	moneyclip.Register(
		moneyclip.Rule{Name: "user", Key: "user::id-%d", Table: "users", By: []string{"id"}, NotFound: time.Minute},
		moneyclip.Rule{Key: "account::followers::account-id-%d", Query: "FollowersCount"},
	)
}

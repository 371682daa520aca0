package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

var (
	errNotAValue = errors.New("redisstore: what is stored is not a row")
	errOpen      = errors.New("redisstore: Redis does not answer")
	errNotMaster = errors.New("redisstore: Redis is not a master")
	errCluster   = errors.New("redisstore: Redis is a cluster, and the client is none for clusters")
	errUnsettled = errors.New("redisstore: the connections to Redis do not settle")
	errAnswer    = errors.New("redisstore: Redis has answered what it should not")
)

// isReply reports whether the server has answered, and with an error.
func isReply(err error) bool {
	// Not errors.As: an error that wraps a reply is go-redis', and says that the connection is no good.
	_, ok := err.(redis.Error) //nolint:errorlint // see above
	return ok
}

// code is the first word of a server's error: it says what is wrong.
func code(err error) string {
	if err == nil || !isReply(err) || err == redis.Nil { //nolint:errorlint // see isReply
		return ""
	}
	word, _, _ := strings.Cut(err.Error(), " ")
	return word
}

// isElsewhere reports whether the server says that another one has the key, or will have it in a moment.
func isElsewhere(err error) bool {
	switch code(err) {
	case "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN":
		return true
	}
	return false
}

// isUnfit reports whether the server says that it is no master which may be used now.
func isUnfit(err error) bool {
	switch code(err) {
	case "READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED":
		return true
	}
	return isElsewhere(err)
}

// isTimeout reports whether nobody has answered in time.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isBroken reports whether a connection was closed by the other side.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

var (
	commandName    = regexp.MustCompile(`run the '([a-z|]+)' command`)
	unknownCommand = regexp.MustCompile("^ERR [Uu]nknown (?:Redis )?command (?:['`]([a-z]+)['`]|called from script)")
	plainCode      = regexp.MustCompile(`^[A-Z]+$`)
)

// failed is the error of a step. What a server writes behind the first word may hold keys, and keys hold arguments.
func failed(step string, err error) error {
	if !isReply(err) {
		return fmt.Errorf("redisstore: %s: %w", step, err)
	}
	what := code(err)
	if !plainCode.MatchString(what) {
		what = "an error"
	}
	if strings.HasPrefix(err.Error(), "ERR ACL failure in script") { // so Valkey says it
		what = "NOPERM"
	}
	if command := commandName.FindStringSubmatch(err.Error()); what == "NOPERM" && command != nil {
		what += " for " + command[1]
	}
	if strings.Contains(err.Error(), "The user executing the script can't run this command") { // it does not say which
		what = "NOPERM in a script"
	}
	if command := unknownCommand.FindStringSubmatch(err.Error()); command != nil { // it was renamed, or is too new
		what += " for " + cmp.Or(command[1], "a command in a script") + ", which it does not know"
	}
	return &refusal{step, what}
}

// A refusal is what a server answers.
type refusal struct{ step, what string }

func (r *refusal) Error() string { return "redisstore: " + r.step + ": Redis answers " + r.what }

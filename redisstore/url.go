package redisstore

import (
	"errors"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

func init() { moneyclip.RegisterStore(openURL) }

// openURL makes the store that MONEYCLIP_REDIS_URL names. The URL may hold a password: it is in no error, and neither is
// what its parsers say of it.
func openURL(url string) (moneyclip.Store, error) {
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		return nil, errors.New("redisstore: the URL has no scheme, such as redis://")
	}
	base, kind, _ := strings.Cut(scheme, "+")
	url = base + "://" + rest
	bad := errors.New("redisstore: go-redis does not understand the " + kind + " URL")
	switch kind {
	case "":
		if base != "redis" && base != "rediss" && base != "unix" {
			break
		}
		o, err := redis.ParseURL(url)
		if err != nil {
			return nil, errors.New("redisstore: go-redis does not understand the URL")
		}
		return New(redis.NewClient(o)), nil
	case "cluster":
		o, err := redis.ParseClusterURL(url)
		if err != nil {
			return nil, bad
		}
		return New(redis.NewClusterClient(o)), nil
	case "sentinel":
		o, err := redis.ParseFailoverURL(url)
		if err != nil {
			return nil, bad
		}
		return New(redis.NewFailoverClient(o)), nil
	}
	return nil, errors.New("redisstore: the URL's scheme is none of redis, rediss, unix, and the first two with +cluster or +sentinel")
}

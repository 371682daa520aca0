package redisstore

import (
	"errors"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

func init() { moneyclip.RegisterStore(openURL) }

// patient makes a store with the time-outs of a URL, read_timeout and write_timeout, if it has them. The client is made
// after they were looked at, because go-redis fills in its own.
func patient(read, write time.Duration, client func() redis.UniversalClient) *Store {
	s := New(client())
	if read > 0 {
		s.ReadTimeout = read
	}
	if write > 0 {
		s.WriteTimeout = write
	}
	return s
}

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
		return patient(o.ReadTimeout, o.WriteTimeout, func() redis.UniversalClient { return redis.NewClient(o) }), nil
	case "cluster":
		o, err := redis.ParseClusterURL(url)
		if err != nil {
			return nil, bad
		}
		return patient(o.ReadTimeout, o.WriteTimeout, func() redis.UniversalClient { return redis.NewClusterClient(o) }), nil
	case "sentinel":
		o, err := redis.ParseFailoverURL(url)
		if err != nil {
			return nil, bad
		}
		if o.MasterName == "" || o.ReplicaOnly {
			return nil, errors.New("redisstore: the sentinel URL has no master_name, or asks for replicas: a master is needed")
		}
		return patient(o.ReadTimeout, o.WriteTimeout, func() redis.UniversalClient {
			if o.RouteByLatency || o.RouteRandomly {
				return redis.NewFailoverClusterClient(o) // the other one panics, and to us they are the same
			}
			return redis.NewFailoverClient(o)
		}), nil
	}
	return nil, errors.New("redisstore: the URL's scheme is none of redis, rediss, unix, and the first two with +cluster or +sentinel")
}

package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url  string
		want string // the client
	}{
		{"redis://user:secret@localhost:6379/2", "*redis.Client localhost:6379"},
		{"rediss://user:secret@localhost", "*redis.Client localhost:6379"},
		{"unix://user:secret@/run/redis.sock?db=1", "*redis.Client /run/redis.sock"},
		{"redis+cluster://user:secret@one:6379?addr=two:6379", "*redis.ClusterClient one:6379,two:6379"},
		{"rediss+cluster://user:secret@one:6379", "*redis.ClusterClient one:6379"},
		{"redis+sentinel://user:secret@one:26379?addr=two:26379&master_name=m", "*redis.Client FailoverClient"},
		{"redis+sentinel://user:secret@one:26379?master_name=m&route_by_latency=true", "*redis.ClusterClient "},
		{"redis+sentinel://user:secret@one:26379?master_name=m&route_randomly=true", "*redis.ClusterClient "},
		{"redis+sentinel://user:secret@one:26379?master_name=m&replica_only=true", ""},
		{"redis+sentinel://user:secret@one:26379", ""},
		{"redis+sentinel://user:secret@one:26379/x", ""},
		{"redis://user:secret@local host", ""},
		{"redis://user:secret@localhost/not a number", ""},
		{"redis+cluster://user:secret@localhost:6379?secret=secret", ""},
		{"redis+ring://user:secret@localhost", ""},
		{"http://user:secret@localhost", ""},
		{"secret", ""},
		{"://secret", ""},
	} {
		s, err := openURL(test.url)
		if err != nil {
			if test.want != "" || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: got the error %v, want %q and nothing of the URL", test.url, err, test.want)
			}
			continue
		}
		client := s.(*Store).client
		defer client.Close()
		var got string
		switch c := client.(type) {
		case *redis.Client:
			got = fmt.Sprintf("%T %s", c, c.Options().Addr)
		case *redis.ClusterClient:
			got = fmt.Sprintf("%T %s", c, strings.Join(c.Options().Addrs, ","))
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.url, got, test.want)
		}
	}
}

// What a server writes behind the first word of an error may hold an argument.
func TestErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ERR unknown command 'x', with args beginning with: 'secret'":                                               "redisstore: get: Redis answers ERR for x, which it does not know",
		"ERR Unknown Redis command called from script script: fd27, on @user_script:2.":                             "redisstore: get: Redis answers ERR for a command in a script, which it does not know",
		"NOPERM this user has no permissions to run the 'hget' command":                                             "redisstore: get: Redis answers NOPERM for hget",
		"ERR The user executing the script can't run this command or subcommand script: 5bf9, on @user_script:1.":   "redisstore: get: Redis answers NOPERM in a script",
		"ERR ACL failure in script: User u has no permissions to run the 'hget' command script: on @user_script:2.": "redisstore: get: Redis answers NOPERM for hget",
		"NOPERM no permissions to access the 'secret' key":                                                          "redisstore: get: Redis answers NOPERM",
		"secret": "redisstore: get: Redis answers an error",
		"":       "redisstore: get: Redis answers an error",
	} {
		if got := failed("get", reply(text)).Error(); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func TestTimeOutsOfURL(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][2]time.Duration{
		"":                                  {50 * time.Millisecond, 2 * time.Second},
		"?read_timeout=3s&write_timeout=4s": {3 * time.Second, 4 * time.Second},
	} {
		s, err := openURL("redis://localhost:6379/0" + query)
		if err != nil {
			t.Fatal(err)
		}
		store := s.(*Store)
		defer store.client.Close()
		if got := [2]time.Duration{store.ReadTimeout, store.WriteTimeout}; got != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}

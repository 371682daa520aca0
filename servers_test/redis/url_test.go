package redis_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// variable holds the database of a program that the test binary is once more: the environment names the store, and is read
// once in a process.
const variable = "MONEYCLIP_TEST_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(variable); path != "" {
		if err := useURL(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// useURL reads until there are hits, writes, and reads what it has written, until there are hits again.
func useURL(path string) error {
	moneyclip.Register(moneyclip.Rule{Name: "number", Key: "number::%d", Query: selectNumber})
	db, err := sql.Open("moneyclip+sqlite3", path)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"); err != nil {
		return err
	}
	if _, err := db.Exec("INSERT INTO numbers VALUES (1, 0)"); err != nil {
		return err
	}
	cache, _ := moneyclip.Default("moneyclip+sqlite3")
	if err := cache.Healthy(context.Background()); err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	for want := range 3 {
		before, began := cache.Stats().Hits, time.Now()
		for cache.Stats().Hits == before {
			var got int
			if err := db.QueryRow(selectNumber, 1).Scan(&got); err != nil || got != want {
				return fmt.Errorf("got %d, %w, want %d", got, err, want)
			}
			if time.Since(began) > 20*time.Second {
				return fmt.Errorf("no hits: %+v, healthy: %w", cache.Stats().Rules["number"], cache.Healthy(context.Background()))
			}
			time.Sleep(5 * time.Millisecond) // for a fill, which no read waits for
		}
		if _, err := db.Exec("UPDATE numbers SET n = n + 1 WHERE id = 1"); err != nil {
			return err
		}
	}
	return nil
}

// limited starts a server, of which a cluster may be made, with the users admin, who may do anything, and moneyclip, who may do
// what the package's documentation asks for. Others may do nothing. It has been a master for long, to all who ask.
func limited(t *testing.T, settings ...string) *servers.RedisServer {
	t.Helper()
	ctx := t.Context()
	s := servers.Redis(t, settings...)
	c := client(t, s)
	must(t, c.Do(ctx, "acl", "setuser", "admin", "on", ">password", "~*", "&*", "+@all").Err())
	admin := redis.NewClient(&redis.Options{Addr: s.Addr, Username: "admin", Password: "password"})
	t.Cleanup(func() { admin.Close() })
	if s.BusPort != "" {
		must(t, admin.ClusterAddSlotsRange(ctx, 0, slots-1).Err())
		eventually(t, "the cluster is up", func() error {
			if info := must1(admin.ClusterInfo(ctx).Result()); !contains(info, "cluster_state:ok") {
				return errors.New(info)
			}
			return nil
		})
	}
	info := must1(admin.Info(ctx, "replication").Result())
	epoch := regexp.MustCompile(`master_replid:(\w+)`).FindStringSubmatch(info)[1]
	since := strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10)
	for b := range 64 {
		must(t, admin.HSet(ctx, fmt.Sprintf("moneyclip:{%d}@", b), "e", epoch+since).Err())
	}
	more := []any{"+hello", "+auth", "+ping", "+client|setname", "+select",
		"+cluster|slots", "+cluster|shards", "+command", "+asking"}
	must(t, admin.Do(ctx, append(documented(t), more...)...).Err())
	must(t, admin.Do(ctx, "acl", "setuser", "default", "off").Err())
	return s
}

// Every form of URL reaches its server, with nothing but the rights in the package's documentation, and the certificate is
// looked at.
func TestURL(t *testing.T) {
	t.Parallel()
	const (
		options = "?read_timeout=10s&write_timeout=10s"
		guest   = "://moneyclip:password@"
		ssl     = "tls-auth-clients=no"
	)
	dir := t.TempDir()
	plain, cluster := limited(t, ssl, "unixsocketperm=777"), limited(t, ssl, "cluster-enabled=yes", "tls-cluster=yes")
	sentinel := servers.Sentinel(t, plain, ssl, "tls-replication=yes", "user=guard on >secret allcommands allchannels",
		"sentinel auth-user=mymaster admin", "sentinel auth-pass=mymaster password")
	plainSentinel := servers.Sentinel(t, plain, "user=guard on >secret allcommands allchannels",
		"sentinel auth-user=mymaster admin", "sentinel auth-pass=mymaster password")
	master := "&master_name=mymaster&username=moneyclip&password=password"
	trust := func(s *servers.RedisServer) string {
		path := filepath.Join(dir, strings.ReplaceAll(s.Addr, ":", "-")+".pem")
		must(t, os.WriteFile(path, s.Certificate, 0o600))
		return path
	}
	for name, test := range map[string]struct {
		url         string
		certificate string
		want        string // what the program says; empty: nothing, for all is well
	}{
		"redis":            {"redis" + guest + plain.Addr + "/0" + options, "", ""},
		"other password":   {"redis://moneyclip:other@" + plain.Addr + "/0" + options, "", "not healthy"},
		"unix":             {"unix" + guest + plain.Socket + options + "&db=0", "", ""},
		"TLS":              {"rediss" + guest + plain.TLSAddr + "/0" + options, trust(plain), ""},
		"TLS by name":      {"rediss" + guest + strings.Replace(plain.TLSAddr, "127.0.0.1", "localhost", 1) + "/0" + options, trust(plain), ""},
		"TLS, any":         {"rediss" + guest + plain.TLSAddr + "/0" + options + "&skip_verify=true", "", ""},
		"TLS, not trusted": {"rediss" + guest + plain.TLSAddr + "/0" + options, "", "not healthy"},
		"TLS to no TLS":    {"rediss" + guest + plain.Addr + "/0" + options, trust(plain), "not healthy"},
		"cluster":          {"redis+cluster" + guest + cluster.Addr + options, "", ""},
		"TLS cluster":      {"rediss+cluster" + guest + cluster.TLSAddr + options, trust(cluster), ""},
		"Sentinel":         {"redis+sentinel://guard:secret@" + plainSentinel.Addr + "/0" + options + master, "", ""},
		"TLS Sentinel":     {"rediss+sentinel://guard:secret@" + sentinel.TLSAddr + "/0" + options + master, trust(plain), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.Command(os.Args[0])
			command.Env = append(os.Environ(), "MONEYCLIP_REDIS_URL="+test.url, variable+"="+filepath.Join(t.TempDir(), "test.db"))
			if test.certificate != "" {
				command.Env = append(command.Env, "SSL_CERT_FILE="+test.certificate, "SSL_CERT_DIR="+dir)
			}
			output, err := command.CombinedOutput()
			if test.want == "" && err != nil || test.want != "" && !strings.Contains(string(output), test.want) {
				t.Errorf("%v, output: %s, want %q", err, output, test.want)
			}
		})
	}
}

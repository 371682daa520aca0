package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
)

func newDoctor() *cobra.Command {
	var s shelf
	var t target
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look over a Redis, and a database, for what a cache asks of them",
		Long: `Looks at a Redis: its version, what it does when memory is full, replicas, rights, persistence; and at the time-outs of
a database against the time for which a key is held whose writer's fate is not known. Each line says ok, or what to
change. The exit code is 1 if something has to be changed. Nothing stays behind: the rights are tried on one key that
is dropped again.`,
		Example: `  moneyclip doctor --redis "$URL" --db "$DSN"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.url == "" && t.db == "" {
				return errors.New("what is to be looked over? Give --redis URL, --db DSN, or both")
			}
			var d diagnosis
			if s.url != "" {
				store, closed, err := s.open(cmd.Context())
				if err != nil {
					return err
				}
				defer closed()
				if err := d.redis(cmd.Context(), store.Client(), s.namespace, store.Grace); err != nil {
					return err
				}
			}
			if t.db != "" {
				if err := d.database(cmd.Context(), &t); err != nil {
					return err
				}
			}
			if err := emit(cmd, &d); err != nil {
				return err
			}
			for _, f := range d.Findings {
				if f.Verdict == "change" {
					return errFindings
				}
			}
			return nil
		},
	}
	s.flags(cmd)
	t.databaseFlags(cmd)
	return cmd
}

// A diagnosis is what the doctor has found.
type diagnosis struct {
	Findings []finding `json:"findings"`
}

type finding struct {
	What    string `json:"what"`
	Verdict string `json:"verdict"` // ok, change, or note: nobody can tell but who runs it
	Is      string `json:"is"`
	Do      string `json:"do,omitempty"`
}

func (d *diagnosis) ok(what, is string) {
	d.Findings = append(d.Findings, finding{what, "ok", is, ""})
}

func (d *diagnosis) change(what, is, do string) {
	d.Findings = append(d.Findings, finding{what, "change", is, do})
}

func (d *diagnosis) note(what, is, do string) {
	d.Findings = append(d.Findings, finding{what, "note", is, do})
}

// judge is ok, or change.
func (d *diagnosis) judge(good bool, what, is, do string) {
	if good {
		d.ok(what, is)
	} else {
		d.change(what, is, do)
	}
}

func (d *diagnosis) text(w io.Writer) {
	for _, f := range d.Findings {
		fmt.Fprintf(w, "%-6s  %-22s %s\n", f.Verdict, f.What, printable(f.Is))
		if f.Do != "" {
			fmt.Fprintf(w, "%-6s  %-22s -> %s\n", "", "", f.Do)
		}
	}
}

// infoOf takes an answer to INFO apart.
func infoOf(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

func (d *diagnosis) redis(ctx context.Context, client redis.UniversalClient, namespace string, grace time.Duration) error {
	text, err := client.Info(ctx).Result()
	if err != nil {
		return errors.New("the Redis does not answer INFO: give the user the right +info")
	}
	info := infoOf(text)
	name, version := "Redis", info["redis_version"]
	if v := info["valkey_version"]; v != "" {
		name, version = "Valkey", v
	}
	major, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(major)
	d.judge(n >= 7, "version", name+" "+version, "install Redis 7.0 or later, or Valkey")
	mode := cmp.Or(info["redis_mode"], info["server_mode"]) // of Redis, and of Valkey
	_, isCluster := client.(*redis.ClusterClient)
	switch {
	case mode == "cluster" && !isCluster:
		d.change("cluster", "it is a node of a cluster", "name it as redis+cluster://...")
	case isCluster && mode != "cluster":
		d.change("cluster", "it is no cluster", "name it as redis://...")
	default:
		d.ok("cluster", mode)
	}
	d.judge(info["role"] == "master", "role", info["role"], "name the master: what a replica has may be older than what was written")

	// CONFIG is often forbidden, and no program needs it.
	setting := func(name string) (string, bool) {
		got, err := client.ConfigGet(ctx, name).Result()
		value, ok := got[name]
		return value, ok && err == nil
	}
	if reads, _ := setting("cluster-allow-reads-when-down"); mode == "cluster" && reads == "yes" {
		d.change("cluster", "cluster-allow-reads-when-down yes", "set it to no: a master that is cut off goes on serving otherwise")
	}
	policy := info["maxmemory_policy"]
	switch limit := info["maxmemory"]; {
	case limit == "0" || limit == "":
		d.change("memory", "there is no limit", "set maxmemory to what the cache may take, and maxmemory-policy to allkeys-lfu")
	case policy == "noeviction":
		d.change("memory", "noeviction: when it is full nothing more is stored", "set maxmemory-policy to allkeys-lfu or allkeys-lru")
	default:
		d.ok("memory", fmt.Sprintf("%s bytes, %s", limit, policy))
	}
	if replicas := info["connected_slaves"]; replicas == "0" || replicas == "" {
		d.ok("replicas", "none: while it is gone the database answers")
	} else {
		least, ok1 := setting("min-replicas-to-write")
		lag, ok2 := setting("min-replicas-max-lag")
		switch seconds, _ := strconv.Atoi(lag); {
		case !ok1 || !ok2:
			d.note("replicas", replicas+"; CONFIG GET is not allowed", "see that min-replicas-to-write is 1 or more, and min-replicas-max-lag below "+grace.String())
		case least == "0" || seconds == 0:
			d.change("replicas", replicas+", min-replicas-to-write "+least, "set min-replicas-to-write to 1: a master that is cut off goes on serving otherwise")
		default:
			d.judge(time.Duration(seconds)*time.Second < grace, "replicas", replicas+", min-replicas-max-lag "+lag, "set min-replicas-max-lag to 10: it has to be below "+grace.String())
		}
	}
	save, _ := setting("save")
	stops, _ := setting("stop-writes-on-bgsave-error")
	switch failed := info["rdb_last_bgsave_status"] == "err"; {
	case failed && stops != "no":
		d.change("persistence", "the last snapshot failed, so it may refuse writes", `set save to ""`)
	case info["aof_enabled"] == "1":
		d.note("persistence", "appendonly", "it is of no use, and a full disk stops writes: set appendonly to no")
	case save != "" && stops == "yes":
		d.note("persistence", "snapshots", `they are of no use, and one that fails stops writes: set save to ""`)
	case save != "":
		d.note("persistence", "snapshots", `they are of no use: set save to ""`)
	default:
		d.ok("persistence", "none")
	}
	if seconds, _ := strconv.Atoi(info["uptime_in_seconds"]); time.Duration(seconds)*time.Second < grace {
		d.note("uptime", info["uptime_in_seconds"]+" s", "wait: nothing is stored for "+grace.String()+" after a start")
	}
	d.rights(ctx, client, namespace)
	return nil
}

// rights tries each command that a store sends, also inside of scripts, on one key of the namespace.
func (d *diagnosis) rights(ctx context.Context, client redis.UniversalClient, namespace string) {
	key := namespace + ":{doctor}:" + strconv.FormatInt(time.Now().UnixNano(), 36)
	defer client.Do(ctx, "del", key)
	inScript := "return redis.call('HLEN', KEYS[1])"
	var missing []string
	for _, command := range [][]any{
		{"time"}, {"exists", key}, {"hset", key, "f", "v"}, {"pexpire", key, "60000"}, {"pexpireat", key, strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10)}, {"hget", key, "f"}, {"hmget", key, "f"},
		{"hsetnx", key, "f", "v"}, {"hlen", key}, {"hkeys", key}, {"hvals", key}, {"hgetall", key}, {"pttl", key}, {"hdel", key, "f"},
		{"eval", inScript, "1", key}, {"evalsha", strings.Repeat("0", 40), "1", key}, {"del", key},
	} {
		if err := client.Do(ctx, command...).Err(); err != nil && strings.HasPrefix(err.Error(), "NOPERM") {
			missing = append(missing, "+"+command[0].(string))
		}
	}
	d.judge(len(missing) == 0, "rights", "all that are needed on "+namespace+":*"+without(missing),
		"ACL SETUSER <user> ~"+namespace+":* "+strings.Join(missing, " "))
	if err := client.Do(ctx, "get", "not-"+namespace).Err(); err == nil || errors.Is(err, redis.Nil) {
		d.note("rights", "the user may read other keys and commands too", "package redisstore has the line of a user that may do no more than it has to")
	}
}

func without(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return " but for " + strings.Join(missing, " ")
}

// database looks at what bounds the time after which a transaction can still commit whose writer is gone. A key whose
// writer's fate is not known is held for times.Unknown; a database that keeps such a transaction open for longer
// could commit it when the old row has been stored again.
func (d *diagnosis) database(ctx context.Context, t *target) error {
	engine, name, dsn, err := t.base()
	if err != nil {
		return err
	}
	db, err := sql.Open(name, dsn)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	if err := ping(ctx, db); err != nil {
		return err
	}
	value := func(query string) string {
		var name, v string
		if err := db.QueryRowContext(ctx, query).Scan(&v); err != nil {
			if err := db.QueryRowContext(ctx, query).Scan(&name, &v); err != nil {
				return ""
			}
		}
		return v
	}
	limit := times.Unknown
	below := func(what, is string, took time.Duration, none bool, do string) {
		if none {
			d.change(what, "no limit", do)
			return
		}
		d.judge(took < limit, what, is, do)
	}
	switch engine {
	case "postgres":
		for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
			v := value("SHOW " + name)
			took, ok := postgresDuration(v)
			if !ok {
				d.note(name, v, "see that it is below "+limit.String())
				continue
			}
			below(name, v, took, took == 0, fmt.Sprintf("ALTER ROLE <the program's> SET %s = '60s': a write that takes longer than %v can outlive what it holds", name, limit))
		}
		for name, want := range map[string]string{"session_replication_role": "origin", "transform_null_equals": "off"} {
			if v := value("SHOW " + name); v != want {
				d.change(name, v, fmt.Sprintf("SET %s = %s: otherwise nothing is cached", name, want))
			}
		}
	case "mysql":
		for _, name := range []string{"innodb_lock_wait_timeout", "wait_timeout"} {
			v := value("SELECT @@" + name)
			seconds, err := strconv.Atoi(v)
			if err != nil {
				d.note(name, v, "see that it is below "+limit.String())
				continue
			}
			below(name, v+" s", time.Duration(seconds)*time.Second, false, fmt.Sprintf(
				"SET GLOBAL %s = 60, or name it in the DSN: a write whose program is gone may take effect for that long, and its keys are held for %v", name, limit))
		}
	case "sqlite":
		mode := value("PRAGMA journal_mode")
		d.judge(mode == "wal", "journal_mode", mode, "PRAGMA journal_mode = WAL: otherwise readers and writers wait for each other")
	}
	return nil
}

var postgresUnit = regexp.MustCompile(`^(\d+)\s*(us|ms|s|min|h|d)?$`)

// postgresDuration reads what SHOW says of a time-out.
func postgresDuration(v string) (time.Duration, bool) {
	m := postgresUnit.FindStringSubmatch(v)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	unit := map[string]time.Duration{
		"us": time.Microsecond, "": time.Millisecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[m[2]]
	return time.Duration(n) * unit, err == nil
}

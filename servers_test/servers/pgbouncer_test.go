package servers_test

import (
	"testing"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// What is behind it is the same database, by another port; and a connection of the server's is one client's only for as
// long as a transaction.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	dsn := servers.Postgres(t)
	direct := open(t, "pgx", dsn)
	through := servers.PgBouncer(t, dsn, "default_pool_size=1")
	if through == dsn {
		t.Fatal("it is the same DSN")
	}
	exec1(t, direct, "create table t (a int)")
	one, two := open(t, "pgx", through+"&default_query_exec_mode=exec"), open(t, "postgres", through+"&binary_parameters=yes")
	exec1(t, one, "insert into t values (1)")
	pid := "select pg_backend_pid() + count(*) - 1 from t"
	if a, b := value(t, one, pid), value(t, two, pid); a != b || a == value(t, direct, pid) {
		t.Errorf("the clients have %s and %s, without it %s", a, b, value(t, direct, pid))
	}
}

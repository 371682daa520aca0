// Package dashboard asks a real Prometheus what the dashboard for Grafana asks, about a cache that works.
package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/promstats"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A dashboard is as much of Grafana's form as is to be looked at.
type dashboard struct {
	Title, UID    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Query string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ RefID, Expr, LegendFormat string }
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
}

func load(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("../../promstats/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Panels stand beside each other, on the 24 columns that there are.
func TestLayout(t *testing.T) {
	d := load(t)
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d, %q: it needs a number of its own, a title, a unit and a target", p.ID, p.Title)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%q is not on the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%q covers %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	if len(ids) < 8 || d.UID == "" || d.SchemaVersion == 0 {
		t.Errorf("got %d panels, uid %q, schema version %d", len(ids), d.UID, d.SchemaVersion)
	}
}

// Each target has an answer from a Prometheus that has looked at a cache's metrics, and each variable has values.
func TestTargets(t *testing.T) {
	metrics := promstats.New()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	program := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer program.Close()
	base := start(t, strings.TrimPrefix(program.URL, "http://"))

	deadline := time.Now().Add(time.Minute)
	d := load(t)
	for {
		work(t, metrics)
		failed := ask(d, base)
		if failed == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(failed)
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, v := range d.Templating.List {
		expr, ok := strings.CutPrefix(v.Query, "label_values(")
		if !ok {
			continue
		}
		metric, label, _ := cut(strings.TrimSuffix(expr, ")"))
		var values struct{ Data []string }
		if err := get(base+"/api/v1/label/"+label+"/values?match[]="+url.QueryEscape(fill(metric)), &values); err != nil || len(values.Data) == 0 {
			t.Errorf("variable %s has no values: %v", v.Name, err)
		}
	}
}

// cut cuts a text at its last comma.
func cut(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ',')
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.TrimSpace(s[i+1:]), true
}

// work is what a cache with two rules tells.
func work(t *testing.T, o moneyclip.Observer) {
	for _, rule := range []string{"user", "count"} {
		for _, e := range []moneyclip.Event{
			{Kind: moneyclip.EventHit}, {Kind: moneyclip.EventHit}, {Kind: moneyclip.EventHit, NotFound: true},
			{Kind: moneyclip.EventMiss, Took: time.Millisecond}, {Kind: moneyclip.EventFill}, {Kind: moneyclip.EventBypass},
			{Kind: moneyclip.EventWrite, Keys: 3}, {Kind: moneyclip.EventWrite}, {Kind: moneyclip.EventRefresh},
			{Kind: moneyclip.EventMismatch}, {Kind: moneyclip.EventStoreError, Err: errors.New("refused")},
		} {
			e.Rule = rule
			o.Observe(t.Context(), e)
		}
	}
}

// fill puts values in for Grafana's variables.
func fill(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5s", "$__range", "30s", "$job", ".*", "$rule", ".*").Replace(expr)
}

// ask puts every target to Prometheus. The error says which of them has no answer that could be drawn.
func ask(d dashboard, base string) error {
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			var answer struct {
				Data struct {
					Result []struct {
						Metric map[string]string
						Value  [2]any
					}
				}
			}
			if err := get(base+"/api/v1/query?query="+url.QueryEscape(fill(target.Expr)), &answer); err != nil {
				return fmt.Errorf("%q: %w", p.Title, err)
			}
			if len(answer.Data.Result) == 0 {
				return fmt.Errorf("%q: nothing to draw for %s", p.Title, target.Expr)
			}
			for _, r := range answer.Data.Result {
				text, _ := r.Value[1].(string)
				v, err := strconv.ParseFloat(text, 64)
				if err != nil || math.IsNaN(v) || v <= 0 || p.FieldConfig.Defaults.Unit == "percentunit" && v > 1 {
					return fmt.Errorf("%q: got %q for %s, want a number above 0", p.Title, text, target.Expr)
				}
				for _, label := range []string{"rule", "outcome"} {
					if strings.Contains(target.LegendFormat, "{{"+label+"}}") && r.Metric[label] == "" {
						return fmt.Errorf("%q: there is no %s for the legend", p.Title, label)
					}
				}
			}
		}
	}
	return nil
}

func get(address string, to any) error {
	response, err := http.Get(address) //nolint:gosec // it is our own
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, body)
	}
	return json.Unmarshal(body, to)
}

// start starts a Prometheus that looks at one program, and returns its URL. It ends with the test.
func start(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("prometheus is missing: apt-get install prometheus, or run servers_test/setup")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n" +
		"scrape_configs: [{job_name: program, static_configs: [{targets: [" + strconv.Quote(program) + "]}]}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 { // somebody may be quicker to take the port
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		cmd := exec.Command(path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
		child, err := servers.Spawn(cmd)
		if err != nil {
			t.Fatal(err)
		}
		if isReady(address, child) {
			t.Cleanup(child.Kill)
			return "http://" + address
		}
		child.Kill()
	}
	t.Fatal("prometheus does not start")
	return ""
}

func isReady(address string, child *servers.Child) bool {
	for range 600 {
		if response, err := http.Get("http://" + address + "/-/ready"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-child.Done():
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false
}

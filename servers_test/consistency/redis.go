//go:build unix

package consistency

import "github.com/moneyclip/moneyclip/servers_test/servers"

// openRedis starts what the faults of a round want.
func (r *round) openRedis(running []fault) error {
	var settings []string
	proxied, replicated, clustered, watched := false, false, false, false
	for _, f := range running {
		settings = append(settings, f.persist...)
		proxied = proxied || f.proxy
		replicated = replicated || f.replica
		clustered = clustered || f.cluster
		watched = watched || f.sentinels
	}
	switch {
	case clustered:
		return r.openCluster(settings)
	case watched:
		return r.openSentinels(settings)
	}
	r.nodes = append(r.nodes, servers.Redis(r.t, settings...))
	if replicated {
		r.nodes = append(r.nodes, servers.Redis(r.t, settings...))
	}
	if proxied || replicated {
		var err error
		r.proxy, err = newProxy(r.nodes[0].Addr)
		return err
	}
	return nil
}

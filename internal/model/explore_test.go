package model

import "slices"

// A step is what may happen next in a world, and the world that it makes.
type step[W any] struct {
	name string
	to   W
}

// explore takes all steps in every order. It returns the way to a world that breaks the promise, or nil; how many worlds there
// are; and whether the cache is of any use in one of them.
func explore[W comparable](start W, next func(W) []step[W], broken, isUseful func(*W) bool) (way []string, worlds int, useful bool) {
	type origin struct {
		from W
		name string
	}
	came := map[W]origin{start: {}}
	for queue := []W{start}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		if broken(&w) {
			for at := w; at != start; at = came[at].from {
				way = append(way, came[at].name)
			}
			slices.Reverse(way)
			return way, len(came), useful
		}
		useful = useful || isUseful(&w)
		for _, s := range next(w) {
			if _, ok := came[s.to]; !ok {
				came[s.to] = origin{w, s.name}
				queue = append(queue, s.to)
			}
		}
	}
	return nil, len(came), useful
}

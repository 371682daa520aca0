package propertytest

import "pgregory.net/rapid"

// Dice draw the choices that a script is made of. The first choice is the simplest: what fails shrinks towards it.
type Dice struct{ t *rapid.T }

var coin = rapid.Bool()

// N draws a number below limit, each as likely as the other: rapid's own integers prefer small ones.
func (d Dice) N(limit int) int {
	n := 0
	for range 7 {
		n <<= 1
		if coin.Draw(d.t, "") {
			n |= 1
		}
	}
	return n * limit >> 7
}

// One is true one time in n.
func (d Dice) One(n int) bool { return d.N(n) == n-1 }

// Pick draws one of a list.
func Pick[T any](d Dice, list ...T) T { return list[d.N(len(list))] }

// Some draws some of a list in its order, at least least of them.
func Some[T any](d Dice, list []T, least int) []T {
	var some []T
	for i, v := range list {
		if len(some)+len(list)-i <= least || d.One(2) {
			some = append(some, v)
		}
	}
	return some
}

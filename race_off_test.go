//go:build !race

package moneyclip_test

const raceDetector = false

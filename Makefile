.DEFAULT_GOAL := help
.PHONY: help tools servers test later lint fuzz property consistency bench example docs corpus suites generate

# cgo is what mattn/go-sqlite3, the tests' base driver, is made with.
export CGO_ENABLED = 1

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
NEXT = go1.27.4
FUZZTIME ?= 30s
STEPS ?= 10000
LOAD ?= 30s
RESULTS ?= consistency-results
SEED ?= $(shell date +%s)

# The tests on servers, what speaks to Prometheus and OpenTelemetry, the benchmarks with the peers, and the command are modules
# of their own: what they need is nobody else's dependency.
MODULES = . promstats otelstats servers_test bench cmd/moneyclip

# What one goroutine at a time does to a database, thousands of times: with the race detector it takes three times as long.
ALONE = ./writes ./property ./drivertest ./mysql ./postgres
# The drivers, but none of their settings.
DRIVERS = TestDrivers/bases/(mattn|modernc|pgx|pq|mysql)$$

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: # what the tests need and a fresh machine may lack
	@command -v gcc >/dev/null || { \
		echo "gcc is missing: the tests compile SQLite. Installing it with apt-get."; \
		apt-get update -qq && apt-get install -y -qq gcc libc6-dev || \
		{ echo "could not install gcc: install a C compiler and run this again"; exit 1; }; }

servers: # what the tests in servers_test start
	@servers_test/setup

test: tools servers ## run every test, also on real servers; with the race detector where goroutines meet
	@for m in . promstats otelstats cmd/moneyclip; do go -C $$m test -race -timeout 35m ./... || exit 1; done
	go -C bench test -timeout 35m ./... # to compile all its peers for the race detector takes minutes
	@# Two packages run at a time. Those that take longest come first: the last one would run alone.
	go -C servers_test test -timeout 35m $(ALONE)
	go -C servers_test test -race -timeout 35m ./consistency $$(go -C servers_test list ./... | grep -v $(ALONE:./%=-e /%$$))
	go -C servers_test test -race -timeout 35m -run TestConcurrent/.*_Default ./writes
	@# With the next Go, and what is there only since that: scan_go127.go.
	GOTOOLCHAIN=$(NEXT) go -C servers_test test -timeout 35m -run '$(DRIVERS)' ./drivertest
	GOTOOLCHAIN=$(NEXT) go test -run TestScan .

later: tools ## the tests on servers, with MySQL, a later PostgreSQL and Valkey: what Debian's unstable release has; as root
	servers_test/later

lint: ## gofmt, go vet, staticcheck, and that every package has tests
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	@for m in $(MODULES); do go -C $$m vet ./... && go -C $$m run $(STATICCHECK) ./... || exit 1; done
	@untested=$$(for m in $(MODULES); do \
			go -C $$m list -f '{{if not (or .TestGoFiles .XTestGoFiles)}}{{.ImportPath}}{{end}}' ./...; done | grep -v -e /examples/sqlc/ -e /frameworks/sqlc/ -e /dialecttest$$; true); \
		test -z "$$untested" || { echo "packages without tests: $$untested"; exit 1; }

fuzz: tools ## run every fuzz target for FUZZTIME (30s) each
	@for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$p || exit 1; \
		done; done

property: tools servers ## the property test on each database for STEPS (10000) statements, from another SEED each time
	MONEYCLIP_STEPS=$(STEPS) MONEYCLIP_SEED=$(SEED) go test -v -timeout 60m -run 'TestProperty|TestControl' ./sqlite_test
	MONEYCLIP_STEPS=$(STEPS) MONEYCLIP_SEED=$(SEED) go -C servers_test test -v -timeout 180m -run 'TestPostgres$$|TestMariaDB$$' ./property

consistency: tools servers ## every fault, every two, every mutant, for LOAD (30s) each; goes on where it was broken off
	@mkdir -p $(RESULTS)
	MONEYCLIP_CONSISTENCY=$(abspath $(RESULTS)) MONEYCLIP_LOAD=$(LOAD) MONEYCLIP_REPORT=$(abspath docs/consistency) \
		go -C servers_test test -v -count 1 -timeout 24h ./consistency

bench: tools servers ## what all costs, beside the floor, the databases and others: writes docs/performance.md; fails if a promise is not kept
	MONEYCLIP_BENCH=$(CURDIR) go -C bench test -run TestReport -count 1 -timeout 30m -v .

example: tools ## run the example
	go run ./examples/sqlc

corpus: tools servers ## what is known of the statements in the folder CORPUS; see servers_test/corpus
	MONEYCLIP_CORPUS=$(abspath $(CORPUS)) go -C servers_test test -count 1 -v ./corpus

suites: tools servers ## the drivers' own tests: bare, wrapped, and with every SELECT cached
	MONEYCLIP_SUITES=all go -C servers_test test -v -count 1 -timeout 60m -run TestSuites ./suites
	GOTOOLCHAIN=$(NEXT) MONEYCLIP_SUITES=pgx go -C servers_test test -v -count 1 -timeout 60m -run TestSuites ./suites

docs: tools servers ## write docs/writes.md and the tables of the drivers anew, and take the pictures of the page
	go -C servers_test test -run TestDoc -count 1 ./writes -update
	go -C servers_test test -run TestDoc -count 1 ./drivertest -update
	go -C servers_test test -run TestPictures -count 1 ./pages -update

generate: tools ## make the example's code again with sqlc
	go install ./cmd/sqlc-gen-moneyclip
	PATH="$$PATH:$$(go env GOPATH)/bin" go generate ./examples/...

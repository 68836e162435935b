# midas: everything a developer does has one word here.
#
#   make demo      the whole sign-in on one machine, nothing to install
#   make test      install what the tests need (as root), then run them, but for the slow ones
#   make test-all  those: floods, crashes at every step, each word of Azure's own az
#   make bench     speed, as ratios against a direct connection in the same run
#   make lint      format, vet, staticcheck, deadcode

TAGS    := gms_pure_go
GO      ?= go
TOOL    := $(GO) tool -modfile=tools/go.mod
SERVERS := test/servers/install.sh
# SQLite is C that was translated to Go. To have the race detector watch every word that it touches
# takes four times as long, and it would find no race of ours there.
RACE    := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false
# Tests mostly wait for servers: one package more than there are processors keeps these busy.
AT_ONCE := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SOURCES := \( -name '*.go' -o -name go.mod -o -name '*.sql' -o -name '*.json' -o -name '*.html' -o -name '*.css' \) \
	! -name '*_test.go' ! -path './test/*' ! -path './tools/*'

.PHONY: build lean cross demo test test-all servers lint docs fmt bench fuzz release clean

# To build it again takes a while, too, and is not done in silence.
build:
	@if [ ! -e bin/midas ]; then echo "building bin/midas; the first time takes a few minutes"; \
	elif [ -n "$$(find . $(SOURCES) -newer bin/midas | head -n 1)" ]; then echo "building bin/midas"; fi
	@CGO_ENABLED=0 $(GO) build -tags $(TAGS) -o bin/midas ./cmd/midas

lean:
	@CGO_ENABLED=0 $(GO) build -o bin/midas-lean ./cmd/midas

# The program also builds for the other systems that people sit at, and its tests compile there.
cross:
	GOOS=darwin CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/midas
	GOOS=windows CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/midas
	GOOS=darwin CGO_ENABLED=0 $(GO) vet ./...
	GOOS=windows CGO_ENABLED=0 $(GO) vet ./...

demo: build
	@bin/midas demo

servers:
	@$(SERVERS)

# In CI a missing server is a failure; elsewhere the tests run with what is there
# and say in one line what was left out. What is slow, and about what is rare, says so in its name.
test: build lean
	@if [ -n "$$CI" ]; then $(SERVERS); else $(SERVERS) --optional; fi
	$(GO) test $(RACE) -p $(AT_ONCE) -timeout 20m -tags $(TAGS) -skip '_slow$$' ./...

test-all: build lean
	@if [ -n "$$CI" ]; then $(SERVERS); else $(SERVERS) --optional; fi
	$(GO) test $(RACE) -p $(AT_ONCE) -timeout 30m -tags $(TAGS) -run '_slow$$' \
		$$(grep -rlE '^func Test[A-Za-z0-9]+_slow\(' --include='*_test.go' . | xargs -n 1 dirname | sort -u)

# Without cgo, as it is built: on a machine with cold caches that saves a third of the time.
lint: export CGO_ENABLED = 0
lint:
	@out="$$($(TOOL) gofumpt -l $$(git ls-files '*.go'))"; [ -z "$$out" ] || { echo "not formatted (make fmt):"; echo "$$out"; exit 1; }
	$(GO) vet -tags $(TAGS) ./...
	$(GO) vet ./...
	$(GO) -C test/verify vet ./...
	$(TOOL) staticcheck -tags $(TAGS) ./...
	@out="$$($(TOOL) deadcode -tags $(TAGS) -test ./...)" || exit 1; [ -z "$$out" ] || { echo "nothing reaches this:"; echo "$$out"; exit 1; }

# What is written from the commands; a test fails when it is out of date.
docs:
	$(GO) test -tags $(TAGS) ./cmd/midas -run '^TestConfigurationIsDocumented$$' -update

fmt:
	$(TOOL) gofumpt -w $$(git ls-files '*.go')

bench: build
	$(GO) test -tags $(TAGS) -run '^$$' -bench . -benchtime 2s ./token ./internal/wire ./account ./internal/relay ./arm ./issuer ./metadata
	$(GO) test -run '^$$' -bench . -benchtime 1x ./test/bench

# Every decoder of foreign bytes, FUZZTIME each.
FUZZTIME ?= 60s
fuzz:
	@test/fuzz.sh $(FUZZTIME)

# A tag, or what there is since the last one; VERSION=v1.2.3 says otherwise.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
release:
	@CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags='-s -w -X main.version=$(VERSION)' -o dist/midas ./cmd/midas

clean:
	rm -rf bin dist

package redisstore

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// Publish puts notices on a board.
func (s *Store) Publish(
	ctx context.Context, board string, notices []moneyclip.Notice, claim string,
) (moneyclip.Board, error) {
	args := []any{newVersion(), claim}
	for _, n := range notices {
		args = append(args, milliseconds(n.Life), n.Text)
	}
	publish := &order{script: publishScript, keys: []string{boardKey(board)}, args: args}
	p := &parcel{orders: []*order{publish}}
	if _, err := s.deliver(s.writing.wait(ctx, time.Now().Add(s.WriteTimeout)), "publish", p, ""); err != nil {
		return moneyclip.Board{}, err
	}
	return parseBoard(publish.commands[0].(*redis.Cmd).Val())
}

// newVersion is a version that never was.
func newVersion() string { return hex.EncodeToString([]byte(unique())) }

// parseBoard takes apart what the publish script returns.
func parseBoard(got any) (moneyclip.Board, error) {
	list, ok := got.([]any)
	if !ok {
		return moneyclip.Board{}, failed("publish", errAnswer)
	}
	texts := make([]string, len(list))
	for i, one := range list {
		if texts[i], ok = one.(string); !ok {
			return moneyclip.Board{}, failed("publish", errAnswer)
		}
	}
	switch {
	case len(texts) == 2 && texts[0] == "" && texts[1] != "":
		return moneyclip.Board{Claim: texts[1]}, nil
	case len(texts) == 0 || texts[0] == "":
		return moneyclip.Board{}, failed("publish", errAnswer)
	}
	return moneyclip.Board{Version: texts[0], Notices: texts[1:]}, nil
}

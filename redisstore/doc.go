// Package redisstore keeps MoneyClip's rows in Redis, from version 7.0, or in Valkey, where all processes that use the
// same databases share them. See [New]. Or import it for its side effect alone: then the caches behind the driver names
// "moneyclip+..." use the server that MONEYCLIP_REDIS_URL names, as redis://, rediss:// or unix://, with redis+cluster://
// a cluster and with redis+sentinel:// a master behind Sentinels, in the form that go-redis reads:
//
//	redis://user:password@localhost:6379/0
//	redis+cluster://user:password@one:6379?addr=two:6379&addr=three:6379
//	redis+sentinel://user:password@one:26379?addr=two:26379&master_name=mymaster&username=user&password=password
//
// With Sentinels the user before the @ is theirs, and the one among the options the master's. In place of redis, rediss
// stands for TLS: the servers' certificates have to be trusted by this machine (on Unix, SSL_CERT_FILE adds a file of
// them), or else skip_verify=true trusts any, but not on a cluster.
//
// # What it asks of the server
//
// All reads and writes go to masters. All keys begin with the namespace. A user needs no more than:
//
//	ACL SETUSER moneyclip on >password ~moneyclip:* resetchannels -@all +info +evalsha +eval +time +exists +hget +hmget +hset
//	  +hsetnx +hdel +hlen +hkeys +hvals +hgetall +del +pttl +pexpire +pexpireat
//
// and on a cluster also +cluster|slots +cluster|shards +command +asking, besides +hello, +auth, +ping, +select,
// +client|setname and, from Redis 7.2, +client|setinfo, as the client is configured. A tool that lists what is stored, with
// Store.Entries, needs +scan too.
//
// Memory: every key has an expiry (but for one whose writer or reader was broken off between two commands, until somebody asks for
// it again), so that each of the policies allkeys-lru, allkeys-lfu, volatile-ttl and so on can be used; what is evicted is asked for
// again. A row of more than 1 MB is not stored. With noeviction, and memory full, nothing more is stored, and writes still drop what they touch. Nothing else that must not
// be evicted belongs into the same server.
//
// Persistence is of no use: what was stored before a restart or a promotion is not used any more, and for Store.Grace after it
// nothing is stored. Turn it off, or set stop-writes-on-bgsave-error to no: a server that refuses writes, because its disk is full,
// or because too few replicas are there, is not read from either, for writers could not drop what it has. That is found out within a
// second. A server that has had its first replica attached, or has lost its last one an hour ago, counts as one that was promoted.
//
// The store asks the server that it speaks to, with INFO and with a script without keys. A proxy that sends scripts by their keys to
// one of several servers does not do.
//
// A server that does not answer within Store.ReadTimeout is left alone by reads until it does, which is found out five
// times a second; writes have the longer Store.WriteTimeout. What becomes of a write then is up to moneyclip.Config.Outage.
//
// With a replica that takes over without having all writes, set min-replicas-to-write and min-replicas-max-lag: a master
// that is cut off goes on for as long as they allow, and so do those who read from it. On a cluster the node time-out says for how
// long, if cluster-allow-reads-when-down is no, as it is by default.
package redisstore

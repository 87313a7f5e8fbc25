# Starting and stopping a node from a script; sourced by scripts/demo and scripts/run.

readonly MANUAL=.deps/corpora/postgresql-doc-15/usr/share/doc/postgresql-doc-15/html
NODE_PID=
NODE_URL=

# How a node is started when ./dev llm has set up a language model.
LLM=()
if [ -e .deps/llm/llm.json ]; then LLM=(--llm local); fi

# probe URL PATH: the status that a GET is answered with. bash alone, as a bare machine has no curl.
probe() {
  local host=${1#http://} answer
  exec 3<>"/dev/tcp/${host%:*}/${host##*:}" || return 0
  printf 'GET %s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n\r\n' "$2" "$host" >&3
  read -r _ answer _ <&3 || true
  exec 3>&-
  printf '%s' "$answer"
}

# start_node DATA [OPTION...]: returns when the node answers /startup with 200.
start_node() {
  local data=$1 log=$1.log
  shift
  mkdir -p "$(dirname "$data")"
  build/raglan serve --data "$data" "$@" >"$log" 2>"$log.err" &
  NODE_PID=$!
  trap stop_node EXIT
  until NODE_URL=$(sed -n 's/^listening on //p' "$log") && [ -n "$NODE_URL" ]; do
    kill -0 "$NODE_PID" 2>/dev/null || { cat "$log" "$log.err" >&2; return 1; }
    sleep 0.05
  done
  until [ "$(probe "$NODE_URL" /startup)" = 200 ]; do
    kill -0 "$NODE_PID" 2>/dev/null || { cat "$log" "$log.err" >&2; return 1; }
    sleep 0.1
  done
}

stop_node() {
  trap - EXIT
  [ -n "$NODE_PID" ] || return 0
  kill -TERM "$NODE_PID" 2>/dev/null || true
  wait "$NODE_PID" 2>/dev/null || true
  NODE_PID=
}

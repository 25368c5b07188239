#!/bin/sh
# swift-aio.sh - a real OpenStack Swift on loopback, in one directory, no systemd,
# for Holdfast's tests (libs/services/swift.ts calls it) and for trying things out.
#
# usage: swift-aio.sh start|stop|status|settle|wipe /ABSOLUTE/DIR [PORT=8085]
#
# One proxy, account, container and object server, 1 replica, 1 device that is a
# plain directory (DIR/dev/d1; needs user xattrs: ext4 has them), and memcached
# for the auth tokens.  Ports, all on 127.0.0.1: PORT proxy, +1 account,
# +2 container, +3 object, +4 memcached (+5 UDP, only with SWIFT_ACCESS_LOG).
# Debian 12: apt-get install --no-install-recommends python3-swift memcached
# (swift, swift-proxy, swift-account ... only add init scripts and samples to it.)
#
# Login (tempauth): test:tester, key testing or SWIFT_KEY, at http://127.0.0.1:PORT/auth/v1.0
# The same account speaks S3 at http://127.0.0.1:PORT: access key test:tester, that key as its secret.
# start   idempotent; returns once the cluster answers, non-zero after 20 s.
#         Data in DIR survives stop/start.  As root, servers run as user "swift"
#         (python3-swift makes it), so DIR's parents must be searchable by it.
# settle  runs the object and container updaters once: a listing or count that
#         fell behind (container server slow or down during a PUT) catches up.
# wipe    stop, then delete what start made in DIR.
# Environment, read at each start:
#   SWIFT_PROXY_WORKERS, SWIFT_OBJECT_WORKERS, SWIFT_CONTAINER_WORKERS   (1)
#   SWIFT_ACCESS_LOG=1   one line per request by UDP to 127.0.0.1:PORT+5
#   SWIFT_KEY            key of test:tester; printable, no spaces
#   SWIFT_PYTHON         a python3 that sees Debian's packages (/usr/bin/python3)
set -eu
CMD=${1:-}; DIR=${2:-}; PORT=${3:-8085}
case "$CMD:$DIR" in
  start:/?*|stop:/?*|status:/?*|settle:/?*|wipe:/?*) ;;
  *) sed -n '5s/^# *//p' "$0" >&2; exit 2 ;;
esac
PY=${SWIFT_PYTHON:-/usr/bin/python3}
KEY=${SWIFT_KEY:-testing}
ETC=$DIR/etc; RUN=$DIR/run; LOG=$DIR/log
if [ "$(id -u)" = 0 ]; then AS=swift; else AS=$(id -un); fi

alive() {   # alive NAME: the recorded process runs and is this DIR's, not a reused pid
  [ -s "$RUN/$1.pid" ] && [ -r "/proc/$(cat "$RUN/$1.pid")/cmdline" ] &&
    tr '\0' ' ' < "/proc/$(cat "$RUN/$1.pid")/cmdline" | grep -qF -e "$RUN/" -e "$ETC/"
}

configure() {   # error_suppression 0: else one 507 shuns the only node for 60 s of 503
  mkdir -p "$ETC" "$RUN" "$LOG" "$DIR/dev/d1" "$DIR/cache"
  # Object locations are salted with this: never change it under existing data.
  [ -s "$ETC/swift.conf" ] ||
    printf '[swift-hash]\nswift_hash_path_suffix = aio\n' > "$ETC/swift.conf"
  n=0; for s in proxy account container object; do w=1; pipe=; case $s in
      proxy)     w=${SWIFT_PROXY_WORKERS:-1}; pipe=$PIPE ;;
      container) w=${SWIFT_CONTAINER_WORKERS:-1} ;;
      object)    w=${SWIFT_OBJECT_WORKERS:-1} ;;
    esac
    cat > "$ETC/$s.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $((PORT+n))
workers = $w
user = $AS
swift_dir = $ETC
devices = $DIR/dev
recon_cache_path = $DIR/cache
mount_check = false
fallocate_reserve = 0
log_level = WARNING
log_name = $s
[pipeline:main]
pipeline = $pipe $s-server
[app:$s-server]
use = egg:swift#$s
account_autocreate = true
allow_account_management = true
error_suppression_interval = 0
[$s-updater]
END
    n=$((n+1))
  done
  for f in $PIPE; do   # a section per filter; five need settings of their own
    printf '[filter:%s]\nuse = egg:swift#%s\n' $f "$(echo $f | sed 's/^cache$/memcache/; s/^proxy-/proxy_/')"
    case $f in
      s3api) echo 'location = us-east-1' ;;   # what requests are signed for
      cache) echo "memcache_servers = 127.0.0.1:$((PORT+4))" ;;
      tempauth) printf 'user_test_tester = %s .admin\nuser_test2_tester2 = testing2 .admin\n' "$KEY" ;;
      versioned_writes) printf 'allow_versioned_writes = true\nallow_object_versioning = true\n' ;;
      proxy-logging) printf 'access_log_udp_host = 127.0.0.1\naccess_log_udp_port = %s\n' $((PORT+5))
        echo "access_log_level = ${SWIFT_ACCESS_LOG:+INFO}" | sed 's/= $/= WARNING/' ;;
    esac
  done >> "$ETC/proxy.conf"
  cat > "$ETC/serve.py" <<'END'
# One launcher for all; reads this directory's swift.conf, not /etc/swift/swift.conf.
import os, sys
from swift.common import utils
etc, name = os.path.dirname(os.path.abspath(__file__)), sys.argv[1]
utils.set_swift_dir(etc)
if name == 'rings':                     # three one-device rings
    from swift.common.ring import RingBuilder
    for i, ring in enumerate(('account', 'container', 'object'), 1):
        port, b = int(sys.argv[2]) + i, RingBuilder(8, 1, 1)
        b.add_dev(dict(region=1, zone=1, ip='127.0.0.1', port=port, device='d1', weight=1,
                       meta='', replication_ip='127.0.0.1', replication_port=port))
        b.rebalance(seed='aio')
        b.get_ring().save(os.path.join(etc, ring + '.ring.gz'))
elif name.endswith('-updater'):
    from swift.common.daemon import run_daemon
    from swift.obj.updater import ObjectUpdater as obj
    from swift.container.updater import ContainerUpdater as con
    run_daemon(obj if name.startswith('obj') else con, '%s/%s.conf' % (etc, name.split('-')[0]), once=True)
else:
    from swift.common.wsgi import run_wsgi
    sys.exit(run_wsgi('%s/%s.conf' % (etc, name), name + '-server', verbose=True))
END
  [ "$(cat "$ETC/port" 2>/dev/null)" = "$PORT" ] ||
    { "$PY" -W ignore "$ETC/serve.py" rings "$PORT"; echo "$PORT" > "$ETC/port"; }
  [ "$(id -u)" != 0 ] || chown swift: "$DIR" "$RUN" "$DIR/dev" "$DIR/dev/d1" "$DIR/cache"
}

case "$CMD" in
start)
  # proxy-logging is not optional: it also gives a container HEAD's 204 its length;
  # without it that answer is chunked and a stray "0" breaks the kept-alive connection.
  PIPE="catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk s3api
 tempauth copy slo dlo versioned_writes symlink"; configure
  alive memcached || { setsid memcached -P "$RUN/mc.pid" -l 127.0.0.1 -p $((PORT+4)) -U 0 -m 32 \
    -u $AS < /dev/null > "$LOG/memcached.log" 2>&1 & echo $! > "$RUN/memcached.pid"; }
  for s in account container object proxy; do
    alive $s || { setsid "$PY" -W ignore "$ETC/serve.py" $s < /dev/null >> "$LOG/$s.log" 2>&1 &
      echo $! > "$RUN/$s.pid"; }
  done
  for i in $(seq 100); do   # ready = all five listen; log in, make the account, list it
    SWIFT_KEY=$KEY "$PY" - "$PORT" 2>/dev/null <<'END' && exit 0
import os, socket, sys, urllib.request as u
for n in range(5): socket.create_connection(('127.0.0.1', int(sys.argv[1]) + n), 2).close()
r = u.urlopen(u.Request('http://127.0.0.1:%s/auth/v1.0' % sys.argv[1],
    headers={'X-Auth-User': 'test:tester', 'X-Auth-Key': os.environ['SWIFT_KEY']}))
h = {'X-Auth-Token': r.headers['X-Auth-Token']}; url = r.headers['X-Storage-Url']
u.urlopen(u.Request(url, method='POST', headers=h)); u.urlopen(u.Request(url + '?limit=1', headers=h))
END
    sleep 0.1
  done
  echo "swift did not come up; see $LOG" >&2; exit 1 ;;
settle)
  for s in object container; do "$PY" -W ignore "$ETC/serve.py" $s-updater; done ;;
stop|wipe)
  for s in proxy object container account memcached; do
    if alive $s; then p=$(cat "$RUN/$s.pid"); kill "$p" 2>/dev/null || :
      for i in $(seq 50); do alive $s || break; sleep 0.1; done   # (a zombie is not alive)
      kill -9 -"$p" 2>/dev/null || :        # whatever is left of its process group
    fi; rm -f "$RUN/$s.pid"
  done
  [ "$CMD" = stop ] || rm -rf "$ETC" "$RUN" "$LOG" "$DIR/dev" "$DIR/cache" ;;
status)
  rc=0; for s in proxy account container object memcached; do
    if alive $s; then echo "$s running pid $(cat "$RUN/$s.pid")"; else echo "$s stopped"; rc=3; fi
  done; exit $rc ;;
esac

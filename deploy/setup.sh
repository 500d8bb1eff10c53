#!/bin/sh
# What citycard needs on the machine to be built, tested and run.
#
#   deploy/setup.sh         install what is missing (Debian, Ubuntu; as root or with sudo)
#   deploy/setup.sh check   only say what is missing; exit code 1 if anything is
#   deploy/setup.sh test    and what only the tests need (Java and Maven, for a real Kafka; Python; Chromium; SoftHSM2)
#
# Where everything is there, nothing is installed, updated or asked from the network. Elsewhere
# it prints what to install and ends with exit code 1. Go itself is never installed: it says so.
set -eu

# Debian keeps daemons and PostgreSQL's programs off an ordinary user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin:/usr/lib/go/bin:/usr/lib/go-1.26/bin
export PATH

go_oldest=26         # of Go 1.x
postgresql_oldest=15 # the ledger's SQL is tested from this version on

say() { printf 'setup: %s\n' "$*" >&2; }

# --- what is there ---------------------------------------------------------------------------

has_pcscd() { command -v pcscd >/dev/null; }
has_vpcd() {
	for driver in /usr/lib/pcsc/drivers/serial/libifdvpcd.so /usr/lib*/pcsc/drivers/serial/libifdvpcd.so \
		/usr/lib/*/pcsc/drivers/serial/libifdvpcd.so /usr/local/lib/pcsc/drivers/serial/libifdvpcd.so; do
		[ -e "$driver" ] && return 0
	done
	return 1
}
has_pkg_config() { command -v pkg-config >/dev/null; }
has_libpcsclite() { has_pkg_config && pkg-config --exists libpcsclite; }
has_gcc() { command -v gcc >/dev/null && [ -e "$(gcc -print-file-name=crt1.o)" ]; }
has_certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ] || [ -s /etc/ssl/cert.pem ]; }
has_java() { command -v java >/dev/null; }
has_maven() { command -v mvn >/dev/null; }
has_python() { command -v python3 >/dev/null; }
has_chromium() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }
has_softhsm() {
	for library in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so \
		/usr/local/lib/softhsm/libsofthsm2.so; do
		[ -e "$library" ] && return 0
	done
	return 1
}
has_promtool() { command -v promtool >/dev/null; }
has_systemd_analyze() { command -v systemd-analyze >/dev/null; }
has_postgresql() {
	for program in /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres "$(command -v postgres || :)"; do
		[ -x "$program" ] && [ -x "$(dirname "$program")/initdb" ] || continue
		version=$("$program" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
		[ "${version:-0}" -ge "$postgresql_oldest" ] && return 0
	done
	return 1
}

# One line for each need: Debian package, check, what it is for.
needs='
ca-certificates has_certificates certificates, for the Go module proxy
gcc has_gcc C compiler, for the bindings to PC/SC and PKCS#11 and the race detector
libc6-dev has_gcc C library headers, for the same
pkg-config has_pkg_config finds the PC/SC library
libpcsclite-dev has_libpcsclite PC/SC library and headers, for cardterm
pcscd has_pcscd PC/SC daemon, talks to card readers
vsmartcard-vpcd has_vpcd virtual card reader, for the demonstration and the tests
postgresql has_postgresql PostgreSQL 15 or newer, server programs, for the private ledger database
'
test_needs='default-jre-headless has_java Java, runs the real Kafka that the tests use
maven has_maven Maven, fetches it
python3 has_python Python, runs the foreign reader that reads the virtual cards
systemd has_systemd_analyze systemd-analyze, checks the units of systemd; nothing is started
libsofthsm2 has_softhsm SoftHSM2, the PKCS#11 token in software that stands for an HSM
chromium has_chromium Chromium, a browser in which the pages of desks are driven
promtool has_promtool checks the alert rules; of Debian package prometheus, whose service is not wanted
'

check_only=
for word in "$@"; do
	case $word in
	check) check_only=yes ;;
	test) needs="$needs$test_needs" ;;
	*)
		say "unknown word '$word'; see the top of this file"
		exit 2
		;;
	esac
done

missing=
missing_text=
while read -r package check purpose; do
	[ -n "$package" ] || continue
	if ! "$check"; then
		missing="$missing $package"
		missing_text="$missing_text
  $package: $purpose"
	fi
done <<END
$needs
END

# --- Go --------------------------------------------------------------------------------------

check_go() {
	hint='unpack the archive of https://go.dev/dl/ to /usr/local/go (or install golang-1.26 where your system has it)'
	if ! command -v go >/dev/null; then
		say "Go 1.$go_oldest or newer is missing; $hint"
		return 1
	fi
	found=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
	minor=$(printf '%s' "$found" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
	if [ -n "$minor" ] && [ "$minor" -lt "$go_oldest" ]; then
		say "Go 1.$go_oldest or newer is needed, $(command -v go) is $found; $hint"
		return 1
	fi
}

# --- installing ------------------------------------------------------------------------------

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "root is needed for: $*; run this as root, or install sudo"
		return 1
	fi
}

can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"; }

# Debian's package makes and starts a database cluster when it is first installed. Ours is
# private, so none is wanted: the setting is changed for the time of the installation.
install_postgresql() {
	settings=/etc/postgresql-common/createcluster.conf
	apt install --no-install-recommends -y postgresql-common >&2
	as_root cp -p "$settings" "$settings.citycard"
	trap 'as_root mv "$settings.citycard" "$settings"' EXIT
	trap 'exit 1' HUP INT TERM
	echo 'create_main_cluster = false' | as_root tee -a "$settings" >/dev/null
	apt install --no-install-recommends -y postgresql >&2
	as_root mv "$settings.citycard" "$settings"
	trap - EXIT HUP INT TERM
}

# Only the tool is taken out of the package: installing it would start a server.
install_promtool() {
	unpacked=$(mktemp -d)
	(
		cd "$unpacked"
		apt-get -qq -o Dpkg::Use-Pty=0 download prometheus >&2
		dpkg-deb -x prometheus_*.deb .
		as_root install -m 755 usr/bin/promtool /usr/local/bin/promtool
	)
	rm -rf "$unpacked"
}

install_missing() {
	say "installing:$missing"
	apt update >&2
	rest=
	for package in $missing; do
		case $package in
		postgresql | promtool) ;;
		*) rest="$rest $package" ;;
		esac
	done
	# shellcheck disable=SC2086 # a list of package names
	[ -z "$rest" ] || apt install --no-install-recommends -y $rest >&2
	case " $missing " in *' postgresql '*) install_postgresql ;; esac
	case " $missing " in *' promtool '*) install_promtool ;; esac
	has_postgresql || {
		say "this system's PostgreSQL is older than $postgresql_oldest; install a newer one from https://www.postgresql.org/download/"
		return 1
	}
}

is_debian() { command -v apt-get >/dev/null && command -v dpkg >/dev/null; }

explain() {
	say "missing on this machine:$missing_text"
	if is_debian; then
		say "install with, as root: apt-get install$(printf '%s' "$missing" | sed 's/promtool/prometheus/')"
	else
		say "the names are Debian's; the virtual reader is at https://frankmorgner.github.io/vsmartcard/"
	fi
}

# --- pcscd -----------------------------------------------------------------------------------

pcscd_runs() {
	pid=$(tr -dc 0-9 </run/pcscd/pcscd.pid) 2>/dev/null && [ -n "$pid" ] && [ -e "/proc/$pid" ]
}

# With systemd the daemon starts when it is first spoken to. Without, our programs start it
# themselves where they are root; for another user it is started here.
start_pcscd() {
	if [ -d /run/systemd/system ]; then
		systemctl is-active --quiet pcscd.socket || as_root systemctl start pcscd.socket
		return 0
	fi
	if pcscd_runs || [ "$(id -u)" -eq 0 ]; then
		return 0
	fi
	say 'starting pcscd'
	as_root pcscd </dev/null >/dev/null 2>&1 || {
		say 'pcscd does not start; "pcscd --foreground" as root says why'
		return 1
	}
}

# The virtual readers' ports lie in the range that outgoing connections are given theirs from. Any
# connection may sit on one of them, and the reader is then missing: they are taken out of it. That
# lasts until the next start of the machine.
reserve_ports() {
	reserved=/proc/sys/net/ipv4/ip_local_reserved_ports
	[ -r "$reserved" ] || return 0
	ports=$(cat "$reserved")
	case ",$ports," in *,35963-35964,*) return 0 ;; esac
	can_be_root && echo "${ports:+$ports,}35963-35964" | as_root tee "$reserved" >/dev/null 2>&1 ||
		say "the ports 35963 and 35964 of the virtual readers cannot be reserved here; a test may have to wait for one"
}

# --- all of it -------------------------------------------------------------------------------

if [ -n "$missing" ]; then
	if [ -n "$check_only" ] || ! is_debian || ! can_be_root; then
		explain
		check_go || :
		exit 1
	fi
	install_missing
fi
check_go
[ -n "$check_only" ] || {
	reserve_ports
	start_pcscd
}

# SPDX-License-Identifier: MIT
#
# Completion of batch(1) for bash: source this, or install it as `batch` in a folder of bash-completion's.
#
# Before the command: options and their values. Behind it: what the completion of the command itself says, where
# bash-completion is loaded; else files, as for inputs behind `:::`.

# The place of the command, the first word that is neither an option nor the value of one, before the cursor; or that of the
# cursor. In `place`.
_batch_find_command() {
	for ((place = 1; place < COMP_CWORD; place++)); do
		case ${COMP_WORDS[place]} in
		--max-args | --jobs | --halt | --joblog | --retries | --timeout | --load | --memfree | --trace) ((place++)) ;;
		-n | -j | -[0k]*[nj]) ((place++)) ;;
		-*) ;;
		*) return ;;
		esac
	done
	place=$COMP_CWORD
}

_batch() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} place words=

	_batch_find_command
	if ((place < COMP_CWORD)); then
		if [[ " ${COMP_WORDS[*]:place:COMP_CWORD-place} " != *" ::: "* ]] && declare -F _command_offset >/dev/null; then
			_command_offset "$place"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
		fi
		return
	fi
	case $previous in
	--halt) words='now soon never' ;;
	--jobs | -j) words="auto $(nproc 2>/dev/null)" ;;
	--joblog | --trace)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--max-args | -n | --retries | --timeout | --load | --memfree) ;;
	*)
		if [[ $current != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$current")
			return
		fi
		words='--null --max-args --jobs --keep-order --halt --joblog --resume --retries --timeout --load --memfree
			--bar --trace --dry-run --help --version'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o filenames -F _batch batch

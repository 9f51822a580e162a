/**
 * What each shell reads once. At a Tab it asks the program itself, which answers with a line for each
 * word that may stand there, or with `:files`. Nothing that was typed, and no answer, is ever evaluated,
 * and nothing but the shell itself is needed. (@bomb.sh/tab and omelette were looked at: their scripts
 * for bash put the typed words through `eval`, and the answers through the expansions of `compgen -W`.)
 */
export const scripts = {
  bash: `# Completion of vllm-chill for bash: source <(vllm-chill completion bash)
_vllm_chill() {
  local program=\${1/#\\~/$HOME} word
  type -P "$program" >/dev/null || program=vllm-chill
  COMPREPLY=()
  while IFS= read -r word; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("$word")
    fi
  done < <("$program" complete bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _vllm_chill vllm-chill`,

  zsh: `#compdef vllm-chill
# Completion of vllm-chill for zsh: source <(vllm-chill completion zsh)
_vllm_chill() {
  local -a words_to_choose
  local line
  for line in "\${(@f)$(vllm-chill complete zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    [[ -n $line ]] && words_to_choose+=("$line")
  done
  _describe -t words 'vllm-chill' words_to_choose
}
if [[ $funcstack[1] == _vllm_chill ]]; then
  _vllm_chill "$@"
else
  compdef _vllm_chill vllm-chill
fi`,

  fish: `# Completion of vllm-chill for fish: vllm-chill completion fish | source
function __vllm_chill_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in (vllm-chill complete fish -- $before[2..-1] "$current" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete --command vllm-chill --no-files --arguments '(__vllm_chill_complete)'`,
} as const

export type Shell = keyof typeof scripts

export const shells = Object.keys(scripts) as readonly Shell[]

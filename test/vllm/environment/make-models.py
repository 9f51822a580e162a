"""Writes two tiny Llama models with random weights: nothing is downloaded."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CONTEXT_TOKENS = 2048
# What the tokenizer learns its words from; any text does.
TEXT = Path(__file__)
SPECIAL = ["<|end|>", "<|begin|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|pad|>"]

# Every role of the OpenAI API, and room for tools.
CHAT_TEMPLATE = (
    "{{ '<|begin|>' }}"
    "{% if tools %}{{ '<|tool|>' + (tools | tojson) + '<|end|>' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|' + ('system' if message.role == 'developer' else message.role) + '|>' }}"
    "{{ message.content or '' }}{{ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def write_tokenizer(folder: Path, text: str) -> int:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text.splitlines(), trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|begin|>",
            "eos_token": "<|end|>",
            "pad_token": "<|pad|>",
            "additional_special_tokens": SPECIAL[2:6],
            "clean_up_tokenization_spaces": False,
            "model_max_length": CONTEXT_TOKENS,
            "chat_template": CHAT_TEMPLATE,
        },
    )
    return tokenizer.get_vocab_size()


def write_model(folder: Path, text: str, hidden: int, layers: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = write_tokenizer(folder, text)
    head = 32
    heads, inner = hidden // head, hidden * 2
    write_json(
        folder / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "hidden_size": hidden,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "head_dim": head,
            "max_position_embeddings": CONTEXT_TOKENS,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "tie_word_embeddings": False,
            "vocab_size": vocabulary,
            "bos_token_id": 1,
            "eos_token_id": 0,
            "pad_token_id": 6,
            "torch_dtype": "float32",
        },
    )
    write_json(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 0, "pad_token_id": 6})
    torch.manual_seed(seed)

    def weight(rows: int, columns: int) -> torch.Tensor:
        return torch.randn(rows, columns) * 0.05

    tensors = {
        "model.embed_tokens.weight": weight(vocabulary, hidden),
        "model.norm.weight": torch.ones(hidden),
        "lm_head.weight": weight(vocabulary, hidden),
    }
    for layer in range(layers):
        at = f"model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            tensors[f"{at}self_attn.{name}.weight"] = weight(hidden, hidden)
        tensors[f"{at}mlp.gate_proj.weight"] = weight(inner, hidden)
        tensors[f"{at}mlp.up_proj.weight"] = weight(inner, hidden)
        tensors[f"{at}mlp.down_proj.weight"] = weight(hidden, inner)
        tensors[f"{at}input_layernorm.weight"] = torch.ones(hidden)
        tensors[f"{at}post_attention_layernorm.weight"] = torch.ones(hidden)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    words = TEXT.read_text(encoding="utf-8")
    write_model(target / "small", words, hidden=64, layers=2, seed=1)
    write_model(target / "large", words, hidden=256, layers=4, seed=2)

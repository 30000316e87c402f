"""Which further fields of TRL's SFTConfig a recipe may set through train.extra, and what stands in for the others."""

import difflib


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALLOWED = _names(
    """
    activation_offloading adam_beta1 adam_beta2 adam_epsilon ddp_backend ddp_broadcast_buffers ddp_bucket_cap_mb
    ddp_find_unused_parameters ddp_static_graph ddp_timeout full_determinism
    log_level log_level_replica log_on_each_node loss_type lr_scheduler_kwargs neftune_noise_alpha
    optim_target_modules project router_aux_loss_coef run_name tf32 torch_compile torch_compile_backend
    torch_compile_mode torch_empty_cache_steps trackio_bucket_id trackio_space_id trackio_static_space_id
    """
)

INSTEAD = {
    "activation_checkpointing": "train.gradient_checkpointing",
    "assistant_only_loss": "data.train_on",
    "auto_find_batch_size": "train.micro_batch",
    "bf16": "model.dtype",
    "chat_template_path": "data.chat_template",
    "completion_only_loss": "data.train_on",
    "data_seed": "seed",
    "deepspeed": "accelerate's configuration",
    "eval_steps": "train.evaluations_per_epoch",
    "eval_strategy": "train.evaluations_per_epoch",
    "fp16": "model.dtype",
    "fsdp": "accelerate's configuration",
    "fsdp_config": "accelerate's configuration",
    "gradient_accumulation_steps": "train.batch_size and train.micro_batch",
    "gradient_checkpointing": "train.gradient_checkpointing",
    "learning_rate": "train.learning_rate",
    "lr_scheduler_type": "train.schedule",
    "max_grad_norm": "train.max_grad_norm",
    "max_length": "data.max_length",
    "max_steps": "train.max_steps",
    "num_train_epochs": "train.epochs",
    "optim": "train.optimizer",
    "optim_args": "train.optimizer",
    "output_dir": "run_dir",
    "packing": "train.packing",
    "per_device_train_batch_size": "train.batch_size and train.micro_batch",
    "report_to": "train.report_to",
    "resume_from_checkpoint": "--resume",
    "save_steps": "train.checkpoints_per_epoch",
    "save_strategy": "train.checkpoints_per_epoch",
    "save_total_limit": "train.keep_checkpoints",
    "seed": "seed",
    "trust_remote_code": "model.trust_remote_code",
    "use_cpu": "model.device",
    "warmup_steps": "train.warmup",
    "weight_decay": "train.weight_decay",
}
"""Fields that sftctl sets itself from a key of its own."""

REFUSED = _names(
    """
    accelerator_config activation_checkpointing_kwargs average_tokens_across_devices batch_eval_metrics
    bf16_full_eval dataloader_drop_last dataloader_in_order dataloader_multiprocessing_context
    dataloader_num_workers dataloader_persistent_workers dataloader_pin_memory dataloader_prefetch_factor
    dataset_kwargs dataset_num_proc dataset_text_field debug disable_tqdm do_eval do_predict do_train
    enable_jit_checkpoint eos_token eval_accumulation_steps eval_delay eval_do_concat_batches eval_on_start
    eval_packing eval_use_gather_object fp16_full_eval gradient_checkpointing_kwargs greater_is_better
    hub_always_push hub_model_id hub_private_repo hub_revision hub_strategy hub_token ignore_data_skip
    include_for_metrics include_num_input_tokens_seen label_names label_smoothing_factor length_column_name
    liger_kernel_config load_best_model_at_end local_rank logging_first_step logging_nan_inf_filter
    logging_steps logging_strategy metric_for_best_model model_init_kwargs packing_strategy pad_to_multiple_of
    pad_token padding_free parallelism_config per_device_eval_batch_size prediction_loss_only push_to_hub
    remove_unused_columns restore_callback_states_from_checkpoint save_on_each_node save_only_model
    shuffle_dataset skip_memory_metrics train_sampling_strategy truncation_mode use_cache use_liger_kernel
    """
)
"""Fields that would undo something the run relies on: the mask, the guards, exact resume, the saved files."""


def problem_with(name: str) -> str | None:
    """Why the field cannot be set through train.extra, and what to do; None where it can."""
    if name in ALLOWED:
        return None
    if name in INSTEAD:
        return f"`{name}` is set by {INSTEAD[name]}"
    if name in REFUSED:
        return f"`{name}` would undo something that the run relies on"
    near = difflib.get_close_matches(name, ALLOWED, n=1)
    return f"TRL's SFTConfig has no field `{name}`" + (f"; did you mean `{near[0]}`?" if near else "")

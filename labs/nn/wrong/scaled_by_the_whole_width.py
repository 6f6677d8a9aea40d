# loses: heads_work_side_by_side
# why: a head's scores are sums over its own slice, and spread as that does, not as the width.


def multi_head_attention(
    x: Any,
    in_proj_weight: Any,
    in_proj_bias: Any,
    out_proj_weight: Any,
    out_proj_bias: Any,
    heads: int,
    mask: Any = None,
) -> Any:
    q, k, v = split_heads(x @ in_proj_weight.T + in_proj_bias, heads)
    q = q * math.sqrt(q.shape[-1] / x.shape[-1])  # 1 / sqrt(d_model) in all
    merged = merge_heads(scaled_dot_product_attention(q, k, v, mask))
    return merged @ out_proj_weight.T + out_proj_bias

"""Who took up what → scores by methods of others, to be judged beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch_geometric.nn import LGConv

Scores = Callable[[NDArray[np.int64]], Tensor]
"""[B] user rows → [B, I]"""


def ease(r: sp.csr_matrix, penalty: float = 200.0) -> Scores:
    """Embarrassingly shallow autoencoders (Steck, WWW 2019): the best item-item matrix with an
    empty diagonal, in closed form."""
    known = np.flatnonzero(np.asarray(r.sum(0)).ravel() > 0)
    x = r[:, known].astype(np.float32)
    gram = torch.from_numpy(np.asarray((x.T @ x).todense(), np.float32))
    gram.diagonal().add_(penalty)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
    weight = inverse / -inverse.diagonal()
    weight.fill_diagonal_(0)

    def scores(users: NDArray[np.int64]) -> Tensor:
        out = torch.zeros(len(users), r.shape[1])
        out[:, torch.from_numpy(known)] = torch.from_numpy(x[users].toarray()) @ weight
        return out

    return scores


def als(r: sp.csr_matrix, *, seed: int, dim: int = 64) -> Scores:
    """Weighted matrix factorisation (Hu, Koren and Volinsky, ICDM 2008) by `implicit`; confidence
    and penalty as were best on a validation part of Last.fm."""
    model = AlternatingLeastSquares(
        dim, alpha=5.0, regularization=5.0, iterations=15, random_state=seed
    )
    return _factors(model, r)


def bpr(r: sp.csr_matrix, *, seed: int, dim: int = 64) -> Scores:
    """Matrix factorisation by Bayesian personalised ranking (Rendle et al., UAI 2009), with the
    settings of `implicit`."""
    return _factors(BayesianPersonalizedRanking(dim, random_state=seed, num_threads=1), r)


def _factors(model: Any, r: sp.csr_matrix) -> Scores:
    """Users without events score 0."""
    with threadpool_limits(1, "blas"):  # else its threads and the library's own wait for each other
        model.fit(r.astype(np.float32), show_progress=False)
    user, item = torch.from_numpy(model.user_factors), torch.from_numpy(model.item_factors)
    known = torch.from_numpy(np.diff(r.indptr) > 0)
    return lambda users: (user[users] @ item.T) * known[users][:, None]


def lightgcn(
    r: sp.csr_matrix,
    *,
    seed: int,
    dim: int = 64,
    layers: int = 3,
    epochs: int = 200,
    batch: int = 2048,
    penalty: float = 1e-4,
) -> Scores:
    """LightGCN (He et al., SIGIR 2020) with torch-geometric's layer and the paper's settings: BPR
    with one negative, Adam at 0.001. Users without events score 0."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    n_users, n_items = r.shape
    user, item = (torch.from_numpy(c.astype(np.int64)) for c in r.nonzero())
    dice = torch.Generator().manual_seed(seed)
    both = torch.stack([torch.cat([user, item + n_users]), torch.cat([item + n_users, user])])
    n = n_users + n_items
    degree = torch.bincount(both[0], minlength=n).clamp(min=1).float()
    weight = (degree[both[0]] * degree[both[1]]).rsqrt()
    adjacency = torch.sparse_coo_tensor(both, weight, (n, n)).to_sparse_csr().to(device)
    state = (0.1 * torch.randn(n, dim, generator=dice)).to(device).requires_grad_()
    layer = LGConv(normalize=False)
    adam = torch.optim.Adam([state], lr=0.001)

    def vectors() -> Tensor:
        total = x = state
        for _ in range(layers):
            x = layer(x, adjacency)
            total = total + x
        return total / (layers + 1)

    for _ in range(epochs):
        for rows in torch.randperm(len(user), generator=dice).split(batch):
            u, i = user[rows].to(device), item[rows].to(device) + n_users
            j = torch.randint(n_items, (len(rows),), generator=dice).to(device) + n_users
            x = vectors()
            gap = (x[u] * (x[i] - x[j])).sum(1)
            size = sum(state[k].square().sum() for k in (u, i, j)) / (2 * len(rows))
            adam.zero_grad()
            (F.softplus(-gap).mean() + penalty * size).backward()
            adam.step()
    with torch.no_grad():
        final = vectors()
        final[:n_users][torch.bincount(user, minlength=n_users) == 0] = 0

    def scores(users: NDArray[np.int64]) -> Tensor:
        return final[torch.from_numpy(users).to(device)] @ final[n_users:].T

    return scores

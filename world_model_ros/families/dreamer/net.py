# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Dreamer family: a recurrent state-space model with heads for reward, value and policy.

Owns the network and its latent rules, nothing of how it is trained. Sources: RSSM from PlaNet
(Hafner 2019), categorical latents and KL balancing from DreamerV2, unimix and the two-hot code
from DreamerV3. `docs/explanation/learning.md` says what was changed. Imports contract only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from world_model_ros.contract import Contract, unlearnable
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.families.dreamer.layers import (
    MLP,
    SCALED_BINS,
    SCALED_LIMIT,
    PictureDecoder,
    PictureEncoder,
    TwoHot,
)

STD_MIN, STD_MAX = 0.1, 1.0  # of the policy, in units of half the action range
UNIMIX = 0.01  # share of a uniform distribution in every latent (DreamerV3)
RULES = {
    'imagine_rule': ('mode', 'expected'),
    'observe_rule': ('mode', 'expected'),
    'value_code': ('symexp', 'scaled'),
}


@dataclass(frozen=True)
class DreamerConfig:
    """Sizes and rules; the defaults stay under 1.2 M parameters with one 64 x 64 camera.

    Raises:
        ValueError: there is no such rule.
    """

    deter: int = 192
    groups: int = 16
    classes: int = 12
    hidden: int = 192
    head: int = 128
    embed: int = 128
    widths: tuple[int, int, int] = (16, 32, 64)
    # Latents without noise, of what is imagined and of what is observed: the likeliest classes
    # ('mode'), or the probabilities of all classes ('expected').
    imagine_rule: str = 'expected'
    observe_rule: str = field(default='mode', repr=False)
    value_code: str = field(default='symexp', repr=False)  # or 'scaled': bins by the returns

    def __post_init__(self) -> None:
        """Refuse a rule that is none."""
        for name, known in RULES.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f'{name} is {getattr(self, name)!r}; expected one of {", ".join(known)}'
                )

    def __str__(self) -> str:
        """Return what stands for these sizes in the hash of a filter; it never changes."""
        later = '' if self.observe_rule == 'mode' else f' observe_rule={self.observe_rule!r}'
        return f'{self!r}{later}'


class Dreamer(nn.Module):
    """World model of one contract; beliefs are [B, deter + groups * classes].

    Raises:
        ValueError: the contract has pictures of a shape that the encoder cannot take.
    """

    action_mid: torch.Tensor  # [A]
    action_half: torch.Tensor  # [A]

    def __init__(self, contract: Contract, config: DreamerConfig | None = None) -> None:
        super().__init__()
        if refused := unlearnable(contract):
            raise ValueError('; '.join(refused))
        self.contract, self.config = contract, config or DreamerConfig()
        c = self.config
        self.stoch = c.groups * c.classes
        self.belief_dim = c.deter + self.stoch
        self.action_dim = contract.action_dim
        self.pictures = [s.name for s in contract.image_streams]
        self.vectors = [s.name for s in contract.vector_streams]
        low = torch.tensor(contract.action.low)
        high = torch.tensor(contract.action.high)
        self.register_buffer('action_mid', (low + high) / 2)
        self.register_buffer('action_half', (high - low) / 2)

        streams = {s.name: s for s in contract.streams}
        self.encoders = nn.ModuleDict(
            {n: PictureEncoder(streams[n].shape, c.widths, c.embed) for n in self.pictures}
        )
        self.decoders = nn.ModuleDict(
            {n: PictureDecoder(self.belief_dim, streams[n].shape, c.widths) for n in self.pictures}
        )
        wide = 0
        for name in self.vectors:
            spec = streams[name]
            turning = stream_kind(spec.kind).turning(spec)
            straight = [i for i in range(spec.shape[0]) if i not in turning]
            self.register_buffer(f'turning_{name}', torch.tensor(turning, dtype=torch.long))
            self.register_buffer(f'straight_{name}', torch.tensor(straight, dtype=torch.long))
            self.register_buffer(f'mean_{name}', torch.zeros(len(straight)))
            self.register_buffer(f'scale_{name}', torch.ones(len(straight)))
            wide += len(straight) + 2 * len(turning)
        self.vector_width = wide
        self.vector_encoder = nn.Linear(wide, 64) if wide else None
        self.vector_decoder = MLP(self.belief_dim, c.head, wide) if wide else None
        # Ages start without influence: a model that only ever saw fresh messages ignores them.
        self.age_encoder = nn.Linear(len(contract.streams), c.hidden, bias=False)
        nn.init.zeros_(self.age_encoder.weight)

        embedding = c.embed * len(self.pictures) + (64 if wide else 0)
        self.gru_in = nn.Linear(self.stoch + self.action_dim, c.hidden)
        self.gru = nn.Linear(c.hidden + c.deter, 3 * c.deter)
        self.gru_norm = nn.LayerNorm(3 * c.deter)
        self.prior_hidden = nn.Linear(c.deter, c.hidden)
        self.prior_out = nn.Linear(c.hidden, self.stoch)
        self.post_embed = nn.Linear(embedding, c.hidden)
        self.post_hidden = nn.Linear(c.deter, c.hidden, bias=False)
        self.post_out = nn.Linear(c.hidden, self.stoch)
        self.two_hot = TwoHot()
        scaled = c.value_code == 'scaled'
        self.value_code = TwoHot(SCALED_LIMIT, SCALED_BINS, True) if scaled else TwoHot()
        self.reward_head = MLP(self.belief_dim, c.head, self.two_hot.count, zero=True)
        self.continue_head = MLP(self.belief_dim, 32, 1)
        self.value_head = MLP(self.belief_dim, c.head, self.value_code.count, zero=True)
        self.policy_head = MLP(self.belief_dim, c.head, 2 * self.action_dim, zero=True)

    @property
    def device(self) -> torch.device:
        """Return where it is."""
        return self.action_mid.device

    def filter_nets(self) -> list[nn.Module]:
        """Return the nets that make a belief of what is observed and done: all of ``observe``."""
        nets = [*self.encoders.values(), self.age_encoder, self.gru_in, self.gru, self.gru_norm]
        nets += [self.post_embed, self.post_hidden, self.post_out]
        return nets if self.vector_encoder is None else [*nets, self.vector_encoder]

    # ---- latent dynamics -------------------------------------------------------------------

    def initial(self, batch: int) -> torch.Tensor:
        """Return the belief before anything was seen: zeros, [batch, D]."""
        return torch.zeros(batch, self.belief_dim, device=self.device)

    def normalise_action(self, action: torch.Tensor) -> torch.Tensor:
        """Map SI units to the box [-1, 1]."""
        return (action - self.action_mid) / self.action_half

    def split(self, belief: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the recurrent part [B, deter] and the latent [B, groups * classes]."""
        return belief[..., : self.config.deter], belief[..., self.config.deter :]

    def advance(self, belief: torch.Tensor, unit_action: torch.Tensor) -> torch.Tensor:
        """Return the next recurrent state [B, deter] under an action in [-1, 1]."""
        deter, stoch = self.split(belief)
        x = F.silu(self.gru_in(torch.cat([stoch, unit_action], -1)))
        gates = self.gru_norm(self.gru(torch.cat([x, deter], -1)))  # [B, 3 * deter]
        reset, cand, update = gates.chunk(3, -1)
        cand = torch.tanh(torch.sigmoid(reset) * cand)
        update = torch.sigmoid(update - 1.0)  # biased to remember
        return update * cand + (1.0 - update) * deter

    def prior_logits(self, deter: torch.Tensor) -> torch.Tensor:
        """Return what the latent is expected to be, log probabilities [B, G, C]."""
        return self._log_probs(self.prior_out(F.silu(self.prior_hidden(deter))))

    def posterior_logits(self, deter: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
        """Return the latent's log probabilities given ``embed`` of the observation, [B, G, C]."""
        return self._log_probs(self.post_out(F.silu(self.post_hidden(deter) + embedded)))

    def _probs(self, logits: torch.Tensor) -> torch.Tensor:
        c = self.config
        logits = logits.reshape(*logits.shape[:-1], c.groups, c.classes)
        return (1.0 - UNIMIX) * torch.softmax(logits, -1) + UNIMIX / c.classes

    def _log_probs(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.log(self._probs(logits))

    def latent(self, logp: torch.Tensor, noise: torch.Tensor | None, rule: str) -> torch.Tensor:
        """Return a latent [B, G * C]: Gumbel-max of ``noise`` (uniform), or ``rule``.

        Gradients pass straight through the one-hot to the probabilities (DreamerV2).
        """
        probs = torch.exp(logp)
        if noise is None and rule == 'expected':
            return probs.flatten(-2)
        scores = logp if noise is None else logp - torch.log(-torch.log(noise))
        hard = F.one_hot(scores.argmax(-1), self.config.classes).to(probs.dtype)
        if torch.is_grad_enabled():
            hard = hard + probs - probs.detach()
        return hard.flatten(-2)

    def _plain_latent(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the latent [B, G * C] of logits [B, G * C] by the imagination's rule."""
        c = self.config
        if c.imagine_rule == 'expected':
            return self._probs(scores).flatten(-2)
        likely = scores.reshape(-1, c.groups, c.classes).argmax(-1)
        return F.one_hot(likely, c.classes).to(scores.dtype).flatten(-2)

    # ---- protocol --------------------------------------------------------------------------

    def embed(self, observation: dict[str, torch.Tensor], ages: torch.Tensor) -> torch.Tensor:
        """Return the posterior's share of the observation, [B, hidden]."""
        parts = [self.encoders[n](observation[n]) for n in self.pictures]
        if self.vector_encoder is not None:
            vector = self.vector_targets(observation)
            parts.append(F.silu(self.vector_encoder(vector.clamp(-5.0, 5.0))))
        joined = torch.cat([p.float() for p in parts], -1)
        periods = ages / self.contract.period_s
        return self.post_embed(joined) + self.age_encoder(periods)

    def vector_targets(self, observation: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return all joint streams as the net sees them: scaled, turning joints as sin, cos."""
        parts = []
        for name in self.vectors:
            raw = observation[name]
            turning = raw.index_select(-1, getattr(self, f'turning_{name}'))
            straight = raw.index_select(-1, getattr(self, f'straight_{name}'))
            straight = (straight - getattr(self, f'mean_{name}')) / getattr(self, f'scale_{name}')
            parts += [straight, torch.sin(turning), torch.cos(turning)]
        return torch.cat(parts, -1)

    def observe(
        self,
        belief: torch.Tensor,
        action_sent: torch.Tensor,
        observation: dict[str, torch.Tensor],
        ages: torch.Tensor,
        is_first: torch.Tensor,
        noise: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return belief [B, D] and surprise [B]: the KL from prior to posterior in nats."""
        keep = 1.0 - is_first
        unit = self.normalise_action(action_sent) * keep
        deter = self.advance(belief * keep, unit)
        prior = self.prior_logits(deter)
        posterior = self.posterior_logits(deter, self.embed(observation, ages))
        surprise = (torch.exp(posterior) * (posterior - prior)).sum((-1, -2))
        latent = self.latent(posterior, noise, self.config.observe_rule)
        return torch.cat([deter, latent], -1), surprise

    def imagine(
        self, belief: torch.Tensor, action: torch.Tensor, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the belief one period later under an action in SI units, [B, D]."""
        return self.imagine_unit(belief, self.normalise_action(action), noise)

    def imagine_unit(
        self, belief: torch.Tensor, unit_action: torch.Tensor, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As ``imagine``, for an action in [-1, 1]."""
        c = self.config
        deter = self.advance(belief, unit_action)
        if noise is None and not torch.is_grad_enabled():
            # Neither rule needs logarithms; planning spends its time here.
            scores = self.prior_out(F.silu(self.prior_hidden(deter)))
            latent = self._plain_latent(scores)
        else:
            latent = self.latent(self.prior_logits(deter), noise, c.imagine_rule)
        return torch.cat([deter, latent], -1)

    def outcomes(
        self, belief: torch.Tensor, action: torch.Tensor, next_belief: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return expected reward and probability of not having terminated, [B] each."""
        return self.reward(next_belief), self.continuation(next_belief)

    def reward(self, belief: torch.Tensor) -> torch.Tensor:
        """Return the expected reward of the tick that led here, [B]: what led here is in it."""
        return self.two_hot.mean(self.reward_head(belief))

    def continuation(self, belief: torch.Tensor) -> torch.Tensor:
        """Return the probability of not having terminated, [B]."""
        return torch.sigmoid(self.continue_head(belief)).squeeze(-1)

    def value(self, belief: torch.Tensor) -> torch.Tensor:
        """Return the expected discounted return, [B]."""
        return self.value_code.mean(self.value_head(belief))

    def unit_policy(self, belief: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation in units of half the action range, [B, A]."""
        mean, raw = self.policy_head(belief).chunk(2, -1)
        std = STD_MIN + (STD_MAX - STD_MIN) * torch.sigmoid(raw + 1.0)
        return torch.tanh(mean), std

    def policy(self, belief: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation of the action in SI units, [B, A]."""
        mean, std = self.unit_policy(belief)
        return mean * self.action_half + self.action_mid, std * self.action_half

    def decode(self, belief: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return pictures uint8 [B, h, w, 3] and joints float32 [B, n] per stream."""
        out = {}
        for name in self.pictures:
            pixels = self.decoders[name](belief).permute(0, 2, 3, 1)
            out[name] = (pixels.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
        return {**out, **self.decode_vectors(belief)}

    def decode_vectors(self, belief: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return joints float32 [B, n] per vector stream."""
        return {} if self.vector_decoder is None else self._joints(self.vector_decoder(belief))

    def _joints(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        out, at = {}, 0
        for name in self.vectors:
            turning, straight = getattr(self, f'turning_{name}'), getattr(self, f'straight_{name}')
            s, t = straight.shape[0], turning.shape[0]
            flat = vector[..., at : at + s] * getattr(self, f'scale_{name}')
            flat = flat + getattr(self, f'mean_{name}')
            angle = torch.atan2(
                vector[..., at + s : at + s + t], vector[..., at + s + t :][..., :t]
            )
            order = torch.argsort(torch.cat([straight, turning]))
            out[name] = torch.cat([flat, angle], -1).index_select(-1, order)
            at += s + 2 * t
        return out
